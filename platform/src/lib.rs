//! What every binary shares: configuration, telemetry, identity, problem+json.
