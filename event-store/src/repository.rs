//! The log for people who come from cqrs-es.
