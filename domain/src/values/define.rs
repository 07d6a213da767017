/// Declares a value: what it is made of, what it must be, and how it is described to clients. A refusal begins with `must be`: that tells a
/// value that breaks a rule from one that cannot be read at all.
macro_rules! value {
    ($(#[$attribute:meta])* $name:ident($inner:ty) from $wire:ty, must be $rule:literal, if $parse:expr, described by $schema:expr) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($inner);

        impl $name {
            /// What was told.
            #[must_use]
            pub fn into_inner(self) -> $inner {
                self.0
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl TryFrom<$wire> for $name {
            type Error = &'static str;

            /// # Errors
            /// The rule that it breaks.
            fn try_from(wire: $wire) -> Result<Self, Self::Error> {
                let parse: fn($wire) -> Option<$inner> = $parse;
                parse(wire).map(Self).ok_or(concat!("must be ", $rule))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let wire = <$wire as serde::Deserialize>::deserialize(deserializer)?;
                Self::try_from(wire).map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $schema.description(Some(concat!("Must be ", $rule, "."))).build().into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

/// Texts are read as texts.
macro_rules! reads_as_text {
    ($($name:ident),+) => {
        $(impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        })+
    };
}

pub(crate) use {reads_as_text, value};
