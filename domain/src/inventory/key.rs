use std::fmt;

/// Which stock: of what, and where. Its text form is `store/sku`; no key of the business holds a `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The store's id.
    pub store: String,
    /// The product's SKU.
    pub sku: String,
}

impl Key {
    /// Reads the text form; `None` when that is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (store, sku) = text.split_once('/')?;
        Some(Self { store: store.to_owned(), sku: sku.to_owned() })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.store, self.sku)
    }
}
