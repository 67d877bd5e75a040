"""Requests and pushes as spans, for whoever collects OpenTelemetry."""
