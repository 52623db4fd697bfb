/* A stand-in libnvidia-ml.so.1, for provision's lab hosts alone: it answers from a file, there is no GPU behind it.
 *
 * What Ray's vendored pynvml calls when it counts GPUs and reports on them (ray 2.60.0: accelerators/nvidia_gpu.py,
 * dashboard/modules/reporter/gpu_providers.py), and nothing more: a missing function is an answer pynvml knows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, DRIVER_NOT_LOADED = 9 };
enum { MOST = 64 };

typedef struct { unsigned long long total, free, used; } memory_v1;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned index; } gpu;

static struct {
    unsigned count;
    char name[96], driver[80], seed[16], fault[256];
    unsigned long long memory, used;
    int hang;
} conf;
static gpu gpus[MOST];

static void take(const char *key, const char *value) {
    if (!strcmp(key, "count")) conf.count = (unsigned)atoi(value);
    else if (!strcmp(key, "name")) snprintf(conf.name, sizeof conf.name, "%s", value);
    else if (!strcmp(key, "driver")) snprintf(conf.driver, sizeof conf.driver, "%s", value);
    else if (!strcmp(key, "seed")) snprintf(conf.seed, sizeof conf.seed, "%s", value);
    else if (!strcmp(key, "fault")) snprintf(conf.fault, sizeof conf.fault, "%s", value);
    else if (!strcmp(key, "memory")) conf.memory = strtoull(value, NULL, 10) << 20;
    else if (!strcmp(key, "used")) conf.used = strtoull(value, NULL, 10) << 20;
    else if (!strcmp(key, "hang")) conf.hang = atoi(value);
}

int nvmlInitWithFlags(unsigned flags) {
    const char *path = getenv("PROVISION_LAB_GPUS");
    char line[512], *equals;
    FILE *file = fopen(path ? path : "/etc/provision-lab/gpus.conf", "r");
    (void)flags;
    if (!file) return DRIVER_NOT_LOADED;
    memset(&conf, 0, sizeof conf);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if ((equals = strchr(line, '='))) {
            *equals = 0;
            take(line, equals + 1);
        }
    }
    fclose(file);
    if (conf.count > MOST) conf.count = MOST;
    while (conf.hang) pause();
    return conf.fault[0] ? DRIVER_NOT_LOADED : SUCCESS;
}

int nvmlInit(void) { return nvmlInitWithFlags(0); }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(int result) {
    switch (result) {
    case SUCCESS: return "Success";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case INSUFFICIENT_SIZE: return "Insufficient Size";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    default: return "Unknown Error";
    }
}

static int text(char *into, unsigned size, const char *from) {
    if (strlen(from) >= size) return INSUFFICIENT_SIZE;
    strcpy(into, from);
    return SUCCESS;
}

int nvmlSystemGetDriverVersion(char *into, unsigned size) { return text(into, size, conf.driver); }

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = conf.count;
    return SUCCESS;
}
int nvmlDeviceGetCount(unsigned *count) { return nvmlDeviceGetCount_v2(count); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, gpu **device) {
    if (index >= conf.count) return INVALID_ARGUMENT;
    gpus[index].index = index;
    *device = &gpus[index];
    return SUCCESS;
}
int nvmlDeviceGetHandleByIndex(unsigned index, gpu **device) { return nvmlDeviceGetHandleByIndex_v2(index, device); }

int nvmlDeviceGetIndex(gpu *device, unsigned *index) {
    *index = device->index;
    return SUCCESS;
}

int nvmlDeviceGetName(gpu *device, char *into, unsigned size) {
    (void)device;
    return text(into, size, conf.name);
}

int nvmlDeviceGetUUID(gpu *device, char *into, unsigned size) {
    char uuid[64];
    snprintf(uuid, sizeof uuid, "GPU-%s-0000-4000-8000-%012x", conf.seed, device->index);
    return text(into, size, uuid);
}

int nvmlDeviceGetMemoryInfo(gpu *device, memory_v1 *info) {
    (void)device;
    *info = (memory_v1){conf.memory, conf.memory - conf.used, conf.used};
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(gpu *device, memory_v2 *info) {
    (void)device;
    *info = (memory_v2){info->version, conf.memory, 0, conf.memory - conf.used, conf.used};
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(gpu *device, utilization *rates) {
    (void)device;
    *rates = (utilization){0, 0};
    return SUCCESS;
}

int nvmlDeviceGetMigMode(gpu *device, unsigned *current, unsigned *pending) {
    (void)device;
    *current = *pending = 0;
    return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(gpu *device, int *major, int *minor) {
    (void)device;
    *major = 9;
    *minor = 0;
    return SUCCESS;
}
