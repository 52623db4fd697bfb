"""A run: gather, plan, prove, apply, verify, report, for whatever resources a playbook holds.

It knows neither hardware nor what it installs; that is the business of who describes.
"""
