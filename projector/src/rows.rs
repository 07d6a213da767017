//! Rows in memory: what a fold works on, and how they come from Postgres and get back there.
//!
//! A row is declared once (`row!`), with its key, its columns and their SQL types. The statements are put together from these
//! constants and the schema's name; nothing that comes from outside is ever part of one.

mod declare;
mod table;
mod writes;

use futures::future::BoxFuture;
use sqlx::postgres::{PgArgumentBuffer, PgConnection, PgRow};
use sqlx::{Executor as _, FromRow, PgPool, Postgres, QueryBuilder};

pub use table::Table;
pub use writes::Writes;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its SQL type.
    pub sql_type: &'static str,
}

/// A row of a read model; declared with [`row!`](crate::row).
pub trait Row: Clone + PartialEq + Send + Sync + Unpin + for<'r> FromRow<'r, PgRow> + 'static {
    /// What tells it from others of its table.
    type Key: Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static;
    /// The table's name, without its schema.
    const TABLE: &'static str;
    /// The columns of the key, in order.
    const KEY: &'static [Column];
    /// All columns, those of the key first.
    const COLUMNS: &'static [Column];

    /// This row's key.
    fn key(&self) -> Self::Key;
    /// Adds one array for each column of the key to a query, separated by commas.
    fn push_keys(keys: &[Self::Key], query: &mut QueryBuilder<'_, Postgres>);
    /// Adds one array for each column to a query, separated by commas.
    fn push_rows(rows: &[&Self], query: &mut QueryBuilder<'_, Postgres>);
    /// Writes the row as a tuple of `COPY … (format binary)`.
    ///
    /// # Errors
    /// When a value cannot be written.
    fn copy(&self, tuple: &mut Tuple) -> Result<(), sqlx::error::BoxDynError>;
}

/// Tuples in Postgres' binary COPY format.
#[derive(Default)]
pub struct Tuple {
    bytes: Vec<u8>,
    value: PgArgumentBuffer,
}

impl Tuple {
    /// What begins the data of a COPY: signature, no flags, no extension.
    const HEADER: &'static [u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

    pub(crate) fn first() -> Self {
        Self { bytes: Self::HEADER.to_vec(), value: PgArgumentBuffer::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn end(&mut self) {
        self.bytes.extend((-1_i16).to_be_bytes());
    }

    /// Begins a row.
    pub fn begin(&mut self, columns: usize) {
        self.bytes.extend(i16::try_from(columns).unwrap_or(i16::MAX).to_be_bytes());
    }

    /// Adds a value.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn value<'q, T: sqlx::Encode<'q, Postgres>>(&mut self, value: &T) -> Result<(), sqlx::error::BoxDynError> {
        self.value.clear();
        if value.encode_by_ref(&mut self.value)?.is_null() {
            self.bytes.extend((-1_i32).to_be_bytes());
        } else {
            self.bytes.extend(i32::try_from(self.value.len())?.to_be_bytes());
            self.bytes.extend_from_slice(&self.value);
        }
        Ok(())
    }
}

/// A connection to load and write rows with, apart from the pool's: it finds rows by their keys, however few Postgres takes them for. Its
/// statistics are up to a minute old, and meanwhile a scan of a table that was small when it was planned would become ever dearer.
pub(crate) async fn connect(pool: &PgPool) -> Result<PgConnection, sqlx::Error> {
    let mut connection = pool.acquire().await?.detach();
    connection
        .execute(
            "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;
             set plan_cache_mode = force_generic_plan",
        )
        .await?;
    Ok(connection)
}

/// The tables of a projection; declared with [`rows!`](macro@crate::rows).
pub trait Rows: Send + 'static {
    /// Empty tables of that schema.
    fn in_schema(schema: &str) -> Self;
    /// All of them.
    fn tables(&mut self) -> Vec<&mut dyn AnyTable>;
}

/// What the runtime does with a table, whatever its rows.
pub trait AnyTable: Send {
    /// Loads the rows that were wanted and are not in memory; tells how many keys were asked for.
    fn load<'a>(&'a mut self, connection: &'a mut PgConnection) -> BoxFuture<'a, Result<usize, sqlx::Error>>;
    /// Adds the changed rows to what is to be written.
    fn write(&self, writes: &mut Writes);
    /// Copies all rows into the empty table.
    fn copy<'a>(&'a mut self, connection: &'a mut PgConnection) -> BoxFuture<'a, Result<u64, sqlx::Error>>;
    /// No row has changed since what was written last.
    fn is_unchanged(&self) -> bool;
    /// What was written is committed.
    fn written(&mut self);
    /// Rows in memory.
    fn len(&self) -> usize;
    /// No row in memory.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Nothing in memory may be believed any more.
    fn forget(&mut self);
    /// From now on a row that is not in memory does not exist: the table is empty, and only this process fills it.
    fn assume_empty(&mut self);
}
