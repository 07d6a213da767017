use thiserror::Error;

/// Why the stream could not be used.
#[derive(Debug, Error)]
pub(crate) enum RelayError {
    #[error("the database could not be read")]
    Log(#[from] sqlx::Error),
    #[error("NATS could not be used: {0}")]
    Nats(String),
    #[error("the stream holds what is not in the log: {0}; `replay-tool remake-stream` makes it anew from the log")]
    Foreign(String),
}

pub(crate) fn nats(error: impl std::error::Error) -> RelayError {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    RelayError::Nats(text)
}
