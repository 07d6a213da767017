use std::collections::{HashMap, HashSet};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::postgres::PgConnection;

use super::{AnyTable, Column, Row, Tuple};
use crate::ApplyError;

/// Rows in one statement at most: it holds them all in memory.
const ROWS_AT_A_TIME: usize = 10_000;
/// Bytes handed to Postgres at a time during a COPY.
const CHUNK: usize = 256 * 1024;

/// The rows of one table that are in memory.
///
/// What is here is what Postgres holds, or will hold when the batch is committed. A key that was never wanted is unknown, and
/// touching it is an error: it must not be taken for a row that does not exist.
pub struct Table<R: Row> {
    slots: HashMap<R::Key, Slot<R>>,
    wanted: HashSet<R::Key>,
    foreseen: HashMap<R::Key, R>,
    changed: Vec<R::Key>,
    /// Every row there is, is in memory.
    complete: bool,
    statements: Statements,
}

struct Slot<R> {
    row: Option<R>,
    changed: bool,
}

struct Statements {
    load: String,
    upsert: String,
    delete: String,
    copy: String,
}

impl<R: Row> Table<R> {
    /// An empty table; nothing is known of what Postgres holds.
    #[must_use]
    pub fn in_schema(schema: &str) -> Self {
        Self {
            slots: HashMap::new(),
            wanted: HashSet::new(),
            foreseen: HashMap::new(),
            changed: Vec::new(),
            complete: false,
            statements: Statements::of::<R>(schema),
        }
    }

    /// The fold will touch this row.
    pub fn want(&mut self, key: R::Key) {
        if !self.complete && !self.slots.contains_key(&key) {
            self.wanted.insert(key);
        }
    }

    /// The fold will make this row, unless there is one already; events of the same batch may want other rows because of it. For `keys`
    /// only: the fold itself never sees it.
    pub fn foresee(&mut self, key: R::Key, make: impl FnOnce() -> R) {
        if !self.complete && !self.slots.contains_key(&key) {
            self.foreseen.entry(key).or_insert_with(make);
        }
    }

    /// What is known of a row before the batch is folded; nothing if it has neither been loaded nor foreseen. For `keys` only.
    #[must_use]
    pub fn peek(&self, key: &R::Key) -> Option<&R> {
        self.slots.get(key).and_then(|slot| slot.row.as_ref()).or_else(|| self.foreseen.get(key))
    }

    /// The row.
    ///
    /// # Errors
    /// When it was not wanted.
    pub fn get(&self, key: &R::Key) -> Result<Option<&R>, ApplyError> {
        match self.slots.get(key) {
            Some(slot) => Ok(slot.row.as_ref()),
            None if self.complete => Ok(None),
            None => Err(Self::unwanted(key)),
        }
    }

    /// Puts a row there, whether there was one or not.
    ///
    /// # Errors
    /// When it was not wanted.
    pub fn insert(&mut self, row: R) -> Result<(), ApplyError> {
        let key = row.key();
        *self.slot(&key)? = Some(row);
        Ok(())
    }

    /// Changes a row that exists.
    ///
    /// # Errors
    /// When it was not wanted, or does not exist.
    pub fn update(&mut self, key: &R::Key, change: impl FnOnce(&mut R)) -> Result<(), ApplyError> {
        let row =
            self.slot(key)?.as_mut().ok_or_else(|| ApplyError::new(format!("there is no {} {key:?}", R::TABLE)))?;
        change(row);
        Ok(())
    }

    /// The row, made by `make` if there is none.
    ///
    /// # Errors
    /// When it was not wanted.
    pub fn entry(&mut self, key: R::Key, make: impl FnOnce() -> R) -> Result<&mut R, ApplyError> {
        Ok(self.slot(&key)?.get_or_insert_with(make))
    }

    /// Removes a row, if it exists.
    ///
    /// # Errors
    /// When it was not wanted.
    pub fn remove(&mut self, key: &R::Key) -> Result<(), ApplyError> {
        *self.slot(key)? = None;
        Ok(())
    }

    /// All rows in memory, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.slots.values().filter_map(|slot| slot.row.as_ref())
    }

    /// The place of a row that is about to change.
    fn slot(&mut self, key: &R::Key) -> Result<&mut Option<R>, ApplyError> {
        if !self.slots.contains_key(key) {
            if !self.complete {
                return Err(Self::unwanted(key));
            }
            self.slots.insert(key.clone(), Slot { row: None, changed: false });
        }
        let slot = self.slots.get_mut(key).ok_or_else(|| Self::unwanted(key))?;
        if !slot.changed {
            slot.changed = true;
            self.changed.push(key.clone());
        }
        Ok(&mut slot.row)
    }

    fn unwanted(key: &R::Key) -> ApplyError {
        ApplyError::new(format!("the fold touched {} {key:?}, which `keys` did not name", R::TABLE))
    }

    async fn load_wanted(&mut self, connection: &mut PgConnection) -> Result<usize, sqlx::Error> {
        if self.wanted.is_empty() {
            return Ok(0);
        }
        let keys: Vec<R::Key> = self.wanted.drain().collect();
        let found = R::bind_keys(&keys, sqlx::query(&self.statements.load)).fetch_all(connection).await?;
        let count = keys.len();
        self.slots.extend(keys.into_iter().map(|key| (key, Slot { row: None, changed: false })));
        for row in &found {
            let row = R::from_row(row)?;
            self.slots.insert(row.key(), Slot { row: Some(row), changed: false });
        }
        Ok(count)
    }

    async fn write_changed(&mut self, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let mut rows = Vec::new();
        let mut gone = Vec::new();
        for key in &self.changed {
            match self.slots.get(key).and_then(|slot| slot.row.as_ref()) {
                Some(row) => rows.push(row),
                None => gone.push(key.clone()),
            }
        }
        let mut written = 0;
        for rows in rows.chunks(ROWS_AT_A_TIME) {
            let upsert = R::bind_rows(rows, sqlx::query(&self.statements.upsert));
            written += upsert.execute(&mut *connection).await?.rows_affected();
        }
        for gone in gone.chunks(ROWS_AT_A_TIME) {
            let delete = R::bind_keys(gone, sqlx::query(&self.statements.delete));
            written += delete.execute(&mut *connection).await?.rows_affected();
        }
        Ok(written)
    }

    async fn copy_all(&mut self, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let mut copy = connection.copy_in_raw(&self.statements.copy).await?;
        let mut tuple = Tuple::first();
        for row in self.slots.values().filter_map(|slot| slot.row.as_ref()) {
            row.copy(&mut tuple).map_err(sqlx::Error::Encode)?;
            if tuple.len() >= CHUNK {
                copy.send(tuple.take()).await?;
            }
        }
        tuple.end();
        copy.send(tuple.take()).await?;
        copy.finish().await
    }
}

impl<R: Row> AnyTable for Table<R> {
    fn load<'a>(&'a mut self, connection: &'a mut PgConnection) -> BoxFuture<'a, Result<usize, sqlx::Error>> {
        self.load_wanted(connection).boxed()
    }

    fn write<'a>(&'a mut self, connection: &'a mut PgConnection) -> BoxFuture<'a, Result<u64, sqlx::Error>> {
        self.write_changed(connection).boxed()
    }

    fn copy<'a>(&'a mut self, connection: &'a mut PgConnection) -> BoxFuture<'a, Result<u64, sqlx::Error>> {
        self.copy_all(connection).boxed()
    }

    fn is_unchanged(&self) -> bool {
        self.changed.is_empty()
    }

    fn written(&mut self) {
        self.foreseen.clear();
        for key in self.changed.drain(..) {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.changed = false;
            }
        }
    }

    fn len(&self) -> usize {
        self.slots.len()
    }

    fn forget(&mut self) {
        self.slots.clear();
        self.wanted.clear();
        self.foreseen.clear();
        self.changed.clear();
        self.complete = false;
    }

    fn assume_empty(&mut self) {
        self.complete = true;
    }
}

impl Statements {
    fn of<R: Row>(schema: &str) -> Self {
        let table = format!(r#""{schema}"."{}""#, R::TABLE);
        let names = |columns: &[Column]| columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let arrays = |columns: &[Column]| {
            let casts = columns.iter().enumerate().map(|(at, column)| format!("${}::{}[]", at + 1, column.sql_type));
            casts.collect::<Vec<_>>().join(", ")
        };
        let (key, all) = (names(R::KEY), names(R::COLUMNS));
        let others = R::COLUMNS.iter().skip(R::KEY.len()).map(|column| format!("{0} = excluded.{0}", column.name));
        let others = others.collect::<Vec<_>>().join(", ");
        let resolution = if others.is_empty() { "do nothing".to_owned() } else { format!("do update set {others}") };
        let keys = format!("unnest({}) as wanted ({key})", arrays(R::KEY));
        Self {
            load: format!("select {all} from {table} join {keys} using ({key})"),
            upsert: format!(
                "insert into {table} ({all}) select * from unnest({}) on conflict ({key}) {resolution}",
                arrays(R::COLUMNS)
            ),
            delete: format!("delete from {table} where ({key}) in (select * from {keys})"),
            copy: format!("copy {table} ({all}) from stdin (format binary)"),
        }
    }
}
