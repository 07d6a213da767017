//! Drives a shop through the HTTP APIs and checks what the read models answer.
