"""Which architectures vLLM has, and which it can cut into stages. Data, as two releases say it.

Source: vllm 0.32.0, vllm/model_executor/models/registry.py; for the stages `supports_pp` of each class, as far as the
build for CPUs can load it. What Transformers lends it: transformers 5.19.0, classes for text whose
`is_backend_compatible()` or `_can_set_attn_implementation()` holds.
tests/cluster/test_parallel_agreement.py holds this against the installed vLLM. What is new in 0.33.0 is from that file
of its sdist, where the rest is the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import InvalidVersion, Version


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The release that this was read from, and the one that it was compared with. What others have is not known.
READ_FROM, COMPARED = "0.32.0", "0.33.0"

#: In the registry itself.
KNOWN = _names(
    """
    AfmoeForCausalLM ApertusForCausalLM ArceeForCausalLM AriaForConditionalGeneration
    AudioFlamingo3ForConditionalGeneration AXK1ForCausalLM BagelForConditionalGeneration BailingMoeForCausalLM
    BailingMoeV25MTPModel BailingMoeV2_5ForCausalLM BailingMoeV2ForCausalLM BailingMoeV3ForCausalLM
    BailingMoeV3MTPModel BailingMoeV3VLForConditionalGeneration BeeForConditionalGeneration BertForMaskedLM
    BertForSequenceClassification BertForTokenClassification BertModel BertSpladeSparseEmbeddingModel
    BgeM3EmbeddingModel Blip2ForConditionalGeneration BloomForCausalLM ChatGLMForConditionalGeneration ChatGLMModel
    ClefOmniForJointSchema CLIPModel Cohere2ForCausalLM Cohere2MoeForCausalLM Cohere2VisionForConditionalGeneration
    CohereAsrForConditionalGeneration CohereCompassForConditionalGeneration CohereForCausalLM
    ColBERTJinaRobertaModel ColBERTLfm2Model ColBERTModernBertModel ColModernVBertForRetrieval ColPaliForRetrieval
    ColQwen3 ColQwen3_5 Cosmos3EdgeForConditionalGeneration Cosmos3ForConditionalGeneration CwmForCausalLM
    DbrxForCausalLM DeciLMForCausalLM DeepseekForCausalLM DeepSeekMTPModel DeepseekOCR2ForCausalLM
    DeepseekOCRForCausalLM DeepseekV2ForCausalLM DeepseekV32ForCausalLM DeepseekV32MTPModel
    DeepseekV3BidirectionalModel DeepseekV3ForCausalLM DeepseekV41ForCausalLM DeepseekV4ForCausalLM
    DeepseekV4ForConditionalGeneration DeepSeekV4MTPModel DeepseekVLV2ForCausalLM DFlash2DraftModel DFlashDraftModel
    DFlashLagunaForCausalLM DFlashMuseGlimmerAssistantModel DiffusionGemmaForBlockDiffusion Dots3NoteForCausalLM
    Dots3NoteMTPModel DotsOCRForCausalLM DSparkDraftModel DSparkV41DraftModel Eagle2_5_VLForConditionalGeneration
    Eagle3DeepseekV2ForCausalLM Eagle3DeepseekV3ForCausalLM Eagle3LlamaForCausalLM Eagle3MiniMaxM2ForCausalLM
    Eagle3Qwen2_5vlForCausalLM Eagle3Qwen3ForCausalLM Eagle3Qwen3vlForCausalLM EagleCohereForCausalLM
    EagleDeepSeekMTPModel EagleLlama4ForCausalLM EagleLlamaForCausalLM EagleMiniCPMForCausalLM
    EagleMistralForCausalLM EagleMistralLarge3ForCausalLM EmbeddingGemma2Model Emu3ForConditionalGeneration
    Ernie4_5_MoeForCausalLM Ernie4_5_VLMoeForConditionalGeneration Ernie4_5ForCausalLM ErnieMTPModel
    Exaone4_5_ForConditionalGeneration Exaone4_5_MTP Exaone4ForCausalLM ExaoneForCausalLM ExaoneMoeForCausalLM
    ExaoneMoEForCausalLM ExaoneMoeMTP ExtractHiddenStatesModel FalconForCausalLM FalconH1ForCausalLM
    FalconMambaForCausalLM FireRedASR2ForConditionalGeneration FlexOlmoForCausalLM FunASRForConditionalGeneration
    FunAudioChatForConditionalGeneration Gemma2ForCausalLM Gemma2Model Gemma3ForCausalLM
    Gemma3ForConditionalGeneration Gemma3nForCausalLM Gemma3nForConditionalGeneration Gemma3TextModel
    Gemma4DSparkModel Gemma4ForCausalLM Gemma4ForConditionalGeneration Gemma4MTPModel
    Gemma4UnifiedForConditionalGeneration GemmaForCausalLM Glm4ForCausalLM Glm4MoeForCausalLM Glm4MoeLiteForCausalLM
    Glm4MoeLiteMTPModel Glm4MoeMTPModel GLM4VForCausalLM Glm4vForConditionalGeneration
    Glm4vMoeForConditionalGeneration Glm5NextForCausalLM Glm5NextForConditionalGeneration Glm5NextMTPModel
    GlmAsrForConditionalGeneration GlmForCausalLM GlmMoeDsaForCausalLM GlmOcrForConditionalGeneration GlmOcrMTPModel
    GPT2ForSequenceClassification GPT2LMHeadModel GPTBigCodeForCausalLM GPTJForCausalLM GPTNeoXForCausalLM
    GptOssForCausalLM Granite4VisionForConditionalGeneration GraniteForCausalLM GraniteMoeForCausalLM
    GraniteMoeHybridForCausalLM GraniteMoeSharedForCausalLM GraniteMoeSWAForCausalLM
    GraniteSpeechForConditionalGeneration GraniteSpeechPlusForConditionalGeneration GraniteSWAForCausalLM GteModel
    GteNewForSequenceClassification GteNewModel H2OVLChatModel HCXVisionV2ForCausalLM HF_ColBERT HfMoondream
    HrmTextForCausalLM HunYuanDenseV1ForCausalLM HunYuanMoEV1ForCausalLM HunYuanVLForConditionalGeneration
    HyperCLOVAXForCausalLM HYV3ForCausalLM HYV3MTPModel HYV4ForCausalLM HYV4MTPModel
    Idefics3ForConditionalGeneration InklingForCausalLM InklingForConditionalGeneration InklingMTPModel
    InternLM2ForCausalLM InternLM2ForRewardModel InternLM3ForCausalLM InternS1ForConditionalGeneration
    InternS1ProForConditionalGeneration InternS2MobiusForConditionalGeneration InternS2MobiusMTP
    InternS2PreviewForConditionalGeneration InternVLChatModel InternVLForConditionalGeneration
    IQuestCoderForCausalLM IQuestLoopCoderForCausalLM IsaacForConditionalGeneration Jais2ForCausalLM
    JambaForCausalLM JambaForSequenceClassification JinaEmbeddingsV5Model JinaForRanking JinaVLForRanking
    K2HorizonForCausalLM K3DSparkModel KananaVForConditionalGeneration KeyeForConditionalGeneration
    KeyeVL1_5ForConditionalGeneration KimiK25ForConditionalGeneration KimiK3ForConditionalGeneration KimiK3MTPModel
    KimiLinearForCausalLM KimiVLForConditionalGeneration LagunaForCausalLM Lfm2ForCausalLM Lfm2MoeForCausalLM
    Lfm2VlForConditionalGeneration LightOnOCRForConditionalGeneration LiLiCorrDraftModel Llama4ForCausalLM
    Llama4ForConditionalGeneration Llama_Nemotron_Nano_VL LlamaBidirectionalForSequenceClassification
    LlamaBidirectionalModel LlamaForCausalLM LLaMAForCausalLM LlamaForCausalLMEagle3 LlamaModel
    LlamaNemotronVLForSequenceClassification LlamaNemotronVLModel LlavaForConditionalGeneration
    LlavaNextForConditionalGeneration LlavaNextVideoForConditionalGeneration LlavaOnevision2ForConditionalGeneration
    LlavaOnevisionForConditionalGeneration LongcatFlashForCausalLM LongCatFlashMTPModel LongcatFlashNgramForCausalLM
    Mamba2ForCausalLM MambaForCausalLM MedusaModel MellumForCausalLM MiDashengLMModel MiMoForCausalLM MiMoMTPModel
    MiMoV2FlashForCausalLM MiMoV2ForCausalLM MiMoV2MTPModel MiMoV2OmniForCausalLM MiMoV2OmniMTPModel
    MiniCPM3ForCausalLM MiniCPMForCausalLM MiniCPMO MiniCPMV MiniCPMV4_6ForConditionalGeneration
    MiniCPMV4_7ForConditionalGeneration MiniMaxM2ForCausalLM MiniMaxM3MTP MiniMaxM3SparseForCausalLM
    MiniMaxM3SparseForConditionalGeneration Ministral3ForCausalLM Mistral3ForConditionalGeneration
    MistralForCausalLM MistralLarge3ForCausalLM MistralModel MixtralForCausalLM ModernBertForSequenceClassification
    ModernBertForTokenClassification ModernBertModel Molmo2ForConditionalGeneration MolmoForCausalLM
    Moondream3ForCausalLM MoonshotKimiaForCausalLM MossAudioModel MossTranscribeDiarizeForConditionalGeneration
    MuseGlimmerAssistantModel MuseGlimmerForCausalLM MuseGlimmerForConditionalGeneration NanbeigeForCausalLM
    NemotronForCausalLM NemotronH_Nano_Omni_Reasoning_V3 NemotronH_Nano_VL_V2 NemotronH_Omni_Reasoning_V3
    NemotronH_Super_Omni_Reasoning_V3 NemotronHForCausalLM NemotronHMTPModel NemotronHPuzzleForCausalLM
    NemotronParseForConditionalGeneration NomicBertModel NVLM_D Olmo2ForCausalLM Olmo3ForCausalLM OlmoeForCausalLM
    OlmoForCausalLM OlmoHybridForCausalLM OpenAIPrivacyFilterForTokenClassification OpenCUAForConditionalGeneration
    OpenPanguMTPModel OpenPanguVLForConditionalGeneration OpenVLAForActionPrediction OpsColQwen3Model OPTForCausalLM
    OrionForCausalLM Ovis Ovis2_5 Ovis2_6_MoeForCausalLM Ovis2_6ForCausalLM PaddleOCRVLForConditionalGeneration
    PaliGemmaForConditionalGeneration PanguEmbeddedForCausalLM PanguProMoEV2ForCausalLM PanguUltraMoEForCausalLM
    Param2MoEForCausalLM PEagleDraftModel PeagleLlamaForCausalLM PeagleQwen3ForCausalLM Phi3ForCausalLM
    Phi3VForCausalLM Phi4ForCausalLMV Phi4MMForCausalLM PhiForCausalLM PhiMoEForCausalLM
    PixtralForConditionalGeneration Plamo3ForCausalLM QianfanOCRForConditionalGeneration
    Qwen2_5_VLForConditionalGeneration Qwen2_5OmniForConditionalGeneration Qwen2_5OmniModel
    Qwen2AudioForConditionalGeneration Qwen2ForCausalLM Qwen2ForProcessRewardModel Qwen2ForRewardModel Qwen2Model
    Qwen2MoeForCausalLM Qwen2VLForConditionalGeneration Qwen3_5ForCausalLM Qwen3_5ForConditionalGeneration
    Qwen3_5MoeForCausalLM Qwen3_5MoeForConditionalGeneration Qwen3_5MoeMTP Qwen3_5MTP
    Qwen3ASRForcedAlignerForTokenClassification Qwen3ASRForConditionalGeneration Qwen3ASRRealtimeGeneration
    Qwen3DSparkModel Qwen3ForCausalLM Qwen3MoeForCausalLM Qwen3NextForCausalLM Qwen3NextMTP Qwen3OmniDSparkModel
    Qwen3OmniMoeForConditionalGeneration Qwen3VLForConditionalGeneration Qwen3VLMoeForConditionalGeneration
    Qwen3VLNemotronEmbedModel Qwen4ExpForCausalLM Qwen4ExpForConditionalGeneration Qwen4ExpMTP
    RForConditionalGeneration Rnj1ForCausalLM RobertaForMaskedLM RobertaForSequenceClassification
    RobertaForTokenClassification RobertaModel SarvamMLAForCausalLM SarvamMoEForCausalLM SeedOssForCausalLM
    SiglipModel SkyworkR1VChatModel SmolLM3ForCausalLM SmolVLMForConditionalGeneration SolarForCausalLM
    StableLmForCausalLM Starcoder2ForCausalLM Step1ForCausalLM Step3p5ForCausalLM Step3p5MTP
    Step3p7ForConditionalGeneration Step3TextForCausalLM Step3VLForConditionalGeneration
    StepVLForConditionalGeneration TeleChat2ForCausalLM TeleChat3ForCausalLM TeleFLMForCausalLM Terratorch
    UltravoxModel UnlimitedOCRForCausalLM VaultGemmaForCausalLM VibeVoiceAsrForConditionalGeneration
    VoxtralForConditionalGeneration VoxtralRealtimeGeneration VoyageQwen3BidirectionalEmbedModel
    WhisperForConditionalGeneration XLMRobertaForSequenceClassification XLMRobertaForTokenClassification
    XLMRobertaModel Zamba2ForCausalLM
    """
)

#: In the registry of 0.33.0 as well. Whether these can be cut into stages is not known.
SINCE_0_33 = _names(
    """
    AliceAIForCausalLM Alpamayo2Super BeamForCausalLM ClefFlashForJointSchema ColUltraVBertForRetrieval
    D3ForSequenceClassification DFlash2BeamDraftModel DFlashQwen3XPressModel DomynEdgeForCausalLM DoryForCausalLM
    FlintForCausalLM Kolibri1ForCausalLM Lfm2BidirectionalModel MiniCPMOcrForConditionalGeneration ModernVBertModel
    MuseSparkDSparkModel MuseSparkForConditionalGeneration ParseAuxMTPModel Qwen3XPressModel
    RadioMBartPrefixForCausalLM Step5ForCausalLM Step5ForConditionalGeneration Step5MTP
    """
)

#: Of `KNOWN`, what does not implement `SupportsPP`. Those that could not be loaded without a GPU are left out.
WITHOUT_STAGES = _names(
    """
    AriaForConditionalGeneration BailingMoeV25MTPModel BertForMaskedLM BertForSequenceClassification
    BertForTokenClassification BertModel BertSpladeSparseEmbeddingModel BgeM3EmbeddingModel CLIPModel
    ColBERTJinaRobertaModel ColBERTLfm2Model ColBERTModernBertModel ColModernVBertForRetrieval
    DeepseekV4ForConditionalGeneration DeepSeekV4MTPModel DFlash2DraftModel DFlashDraftModel DFlashLagunaForCausalLM
    DFlashMuseGlimmerAssistantModel DSparkDraftModel DSparkV41DraftModel Eagle3DeepseekV2ForCausalLM
    Eagle3DeepseekV3ForCausalLM Eagle3LlamaForCausalLM Eagle3MiniMaxM2ForCausalLM Eagle3Qwen2_5vlForCausalLM
    Eagle3Qwen3ForCausalLM Eagle3Qwen3vlForCausalLM EagleCohereForCausalLM EagleDeepSeekMTPModel
    EagleLlama4ForCausalLM EagleLlamaForCausalLM EagleMiniCPMForCausalLM EagleMistralForCausalLM
    EagleMistralLarge3ForCausalLM ErnieMTPModel Exaone4_5_MTP ExaoneMoeMTP ExtractHiddenStatesModel
    FireRedASR2ForConditionalGeneration Gemma3nForCausalLM Gemma3nForConditionalGeneration Gemma3TextModel
    Gemma4DSparkModel Gemma4MTPModel Glm4MoeMTPModel GPT2ForSequenceClassification GteModel
    GteNewForSequenceClassification GteNewModel HF_ColBERT HrmTextForCausalLM HYV3MTPModel HYV4MTPModel
    Idefics3ForConditionalGeneration InklingMTPModel IQuestLoopCoderForCausalLM JinaForRanking K3DSparkModel
    KimiK3MTPModel LiLiCorrDraftModel LlamaForCausalLMEagle3 LongCatFlashMTPModel Mamba2ForCausalLM MedusaModel
    MiMoMTPModel MiMoV2MTPModel MiMoV2OmniMTPModel ModernBertForSequenceClassification
    ModernBertForTokenClassification ModernBertModel MuseGlimmerAssistantModel NemotronParseForConditionalGeneration
    NomicBertModel OpenAIPrivacyFilterForTokenClassification OpenPanguMTPModel PaddleOCRVLForConditionalGeneration
    PEagleDraftModel PeagleLlamaForCausalLM PeagleQwen3ForCausalLM Phi4MMForCausalLM Qwen3DSparkModel Qwen3NextMTP
    Qwen3OmniDSparkModel RobertaForMaskedLM RobertaForSequenceClassification RobertaForTokenClassification
    RobertaModel SiglipModel SmolVLMForConditionalGeneration Step3p5MTP VoyageQwen3BidirectionalEmbedModel
    WhisperForConditionalGeneration XLMRobertaForSequenceClassification XLMRobertaForTokenClassification
    XLMRobertaModel Zamba2ForCausalLM
    """
)

#: Not in the registry: vLLM runs the implementation of Transformers.
LENT = _names(
    """
    AriaTextForCausalLM AXK2ForCausalLM AyaVisionForConditionalGeneration BambaForCausalLM BartForCausalLM
    BartForConditionalGeneration BertLMHeadModel BigBirdPegasusForCausalLM BigBirdPegasusForConditionalGeneration
    BioGptForCausalLM BitNetForCausalLM BlenderbotForCausalLM BlenderbotForConditionalGeneration
    BlenderbotSmallForCausalLM BlenderbotSmallForConditionalGeneration BltForCausalLM CamembertForCausalLM
    CanaryForConditionalGeneration ChameleonForConditionalGeneration CohereCompassForCausalLM
    Cosmos3OmniForConditionalGeneration CsmDepthDecoderForCausalLM CsmForConditionalGeneration CTRLLMHeadModel
    Data2VecTextForCausalLM DeepseekOcr2ForConditionalGeneration DeepseekVLForConditionalGeneration
    DeepseekVLHybridForConditionalGeneration DiaForConditionalGeneration DiffLlamaForCausalLM DogeForCausalLM
    Dots1ForCausalLM ElectraForCausalLM Emu3ForCausalLM Ernie4_5_VL_MoeForConditionalGeneration ErnieForCausalLM
    FastVlmForConditionalGeneration Florence2ForConditionalGeneration FunAsrNanoForConditionalGeneration
    FuyuForCausalLM Gemma4AssistantForCausalLM Gemma4UnifiedAssistantForCausalLM Gemma4UnifiedForCausalLM
    GitForCausalLM Glm46VForConditionalGeneration GlmImageForConditionalGeneration GotOcr2ForConditionalGeneration
    HeliumForCausalLM HiggsAudioV2ForConditionalGeneration HyperCLOVAXVisionV2ForConditionalGeneration
    Idefics2ForConditionalGeneration InstructBlipForConditionalGeneration InstructBlipVideoForConditionalGeneration
    JanusForConditionalGeneration JetMoeForCausalLM Kimi_K25ForConditionalGeneration
    Kosmos2_5ForConditionalGeneration Kosmos2ForConditionalGeneration KyutaiSpeechToTextForConditionalGeneration
    LightOnOcrForConditionalGeneration LongT5ForConditionalGeneration M2M100ForConditionalGeneration
    MarianForCausalLM MBartForCausalLM MBartForConditionalGeneration MiniMaxForCausalLM MiniMaxM3VLForCausalLM
    MinistralForCausalLM Mistral4ForCausalLM MllamaForCausalLM MllamaForConditionalGeneration
    ModernBertDecoderForCausalLM MoonshineForConditionalGeneration MoonshineStreamingForConditionalGeneration
    MoshiForCausalLM MoshiForConditionalGeneration MT5ForConditionalGeneration MusicFlamingoForConditionalGeneration
    MusicgenForCausalLM MusicgenForConditionalGeneration MusicgenMelodyForCausalLM
    MusicgenMelodyForConditionalGeneration NanoChatForCausalLM NllbMoeForConditionalGeneration
    Ovis2ForConditionalGeneration PegasusForCausalLM PegasusForConditionalGeneration
    PegasusXForConditionalGeneration PerceptionLMForConditionalGeneration PersimmonForCausalLM
    Phi4MultimodalForCausalLM PhimoeForCausalLM PI0ForConditionalGeneration Pix2StructForConditionalGeneration
    PLBartForCausalLM PLBartForConditionalGeneration Pop2PianoForConditionalGeneration
    PPFormulaNetForConditionalGeneration Qwen2_5OmniPreTrainedModelForConditionalGeneration
    Qwen2_5OmniTalkerForConditionalGeneration Qwen2_5OmniThinkerForConditionalGeneration
    Qwen3OmniMoePreTrainedModelForConditionalGeneration Qwen3OmniMoeTalkerCodePredictorModelForConditionalGeneration
    Qwen3OmniMoeTalkerForConditionalGeneration Qwen3OmniMoeThinkerForConditionalGeneration RecurrentGemmaForCausalLM
    RobertaForCausalLM RobertaPreLayerNormForCausalLM RoCBertForCausalLM
    SeamlessM4TTextToUnitForConditionalGeneration SolarOpenForCausalLM Speech2TextForConditionalGeneration
    SwitchTransformersForConditionalGeneration T5ForConditionalGeneration T5Gemma2ForConditionalGeneration
    T5GemmaForConditionalGeneration UdopForConditionalGeneration UMT5ForConditionalGeneration
    VibeVoiceForConditionalGeneration VideoLlama3ForConditionalGeneration VideoLlavaForConditionalGeneration
    VipLlavaForConditionalGeneration VoxtralRealtimeForConditionalGeneration WhisperForCausalLM
    XLMRobertaForCausalLM XLMRobertaXLForCausalLM xLSTMForCausalLM XmodForCausalLM YoutuForCausalLM ZambaForCausalLM
    ZayaForCausalLM
    """
)

#: The last release that had them → architectures (`_PREVIOUSLY_SUPPORTED_MODELS`).
_REMOVED = {
    "0.9.2": """
    Phi3SmallForCausalLM
    """,
    "0.10.2": """
    DonutForConditionalGeneration MllamaForConditionalGeneration MotifForCausalLM Phi4FlashForCausalLM
    """,
    "0.12.0": """
    Phi4MultimodalForCausalLM
    """,
    "0.22.0": """
    JAISLMHeadModel
    """,
    "0.23.0": """
    BaiChuanForCausalLM BaichuanForCausalLM BambaForCausalLM Dots1ForCausalLM ErnieForSequenceClassification
    ErnieForTokenClassification ErnieModel InternLM2VEForCausalLM InternLMForCausalLM MiniMaxForCausalLM
    MiniMaxM1ForCausalLM MiniMaxText01ForCausalLM MiniMaxVL01ForConditionalGeneration QWenLMHeadModel
    QwenVLForConditionalGeneration Tarsier2ForConditionalGeneration XverseForCausalLM
    """,
    "0.24.0": """
    AquilaForCausalLM AquilaModel AyaVisionForConditionalGeneration Grok1ForCausalLM Grok1ModelForCausalLM
    MantisForConditionalGeneration MusicFlamingoForConditionalGeneration TarsierForConditionalGeneration
    """,
    "0.25.0": """
    FuyuForCausalLM PersimmonForCausalLM TeleChatForCausalLM
    """,
    "0.26.0": """
    OuroForCausalLM Plamo2ForCausalLM
    """,
    "0.28.0": """
    ArcticForCausalLM ChameleonForConditionalGeneration Cheers CheersForConditionalGeneration
    Fairseq2LlamaForCausalLM FireRedLIDForConditionalGeneration GritLM HCXVisionForCausalLM MPTForCausalLM
    MptForCausalLM PrithviGeoSpatialMAE RWForCausalLM StableLMEpochForCausalLM
    """,
}

#: In a plugin that somebody else keeps (`_OOT_SUPPORTED_MODELS`).
PLUGINS: Mapping[str, str] = {
    "BartModel": "https://github.com/vllm-project/bart-plugin",
    "BartForConditionalGeneration": "https://github.com/vllm-project/bart-plugin",
    "Florence2ForConditionalGeneration": "https://github.com/vllm-project/bart-plugin",
    "MBartForConditionalGeneration": "https://github.com/vllm-project/bart-plugin",
    "Nemotron3_5AsrForRNNT": "https://github.com/Sohaib-Ahmed21/vllm-nemotron-asr-plugin",
}

REMOVED: Mapping[str, str] = {name: version for version, names in _REMOVED.items() for name in names.split()}


def covers(vllm: str) -> bool:
    """Whether what is said here of architectures holds for this version of vLLM, such as `0.32.0+cpu`."""
    return vllm.partition("+")[0] in (READ_FROM, COMPARED)


def knows(vllm: str, architecture: str) -> bool:
    """Whether this version of vLLM, one of those that are covered, serves `architecture`."""
    new = architecture in SINCE_0_33 and vllm.partition("+")[0] == COMPARED
    return new or architecture in KNOWN or architecture in LENT


def removed_before(architecture: str, vllm: str) -> str:
    """The last release that had `architecture`, if `vllm` is a later one that is known to be without it."""
    last = REMOVED.get(architecture, "")
    try:
        return last if last and Version(last) < Version(vllm.partition("+")[0]) else ""
    except InvalidVersion:
        return ""
