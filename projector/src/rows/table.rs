use std::collections::{HashMap, HashSet};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::QueryBuilder;
use sqlx::postgres::PgConnection;

use super::{AnyTable, Column, Row, Tuple, Writes};
use crate::ApplyError;

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
    foreseen_changes: HashMap<R::Key, Vec<R>>,
    changed: Vec<R::Key>,
    /// Every row there is, is in memory.
    complete: bool,
    names: Names,
}

struct Slot<R> {
    row: Option<R>,
    changed: bool,
}

/// What statements name: the table in its schema, the columns of the key, all columns, and what becomes of a row that is there already.
struct Names {
    table: String,
    key: String,
    all: String,
    resolution: String,
}

impl<R: Row> Table<R> {
    /// An empty table; nothing is known of what Postgres holds.
    #[must_use]
    pub fn in_schema(schema: &str) -> Self {
        Self {
            slots: HashMap::new(),
            wanted: HashSet::new(),
            foreseen: HashMap::new(),
            foreseen_changes: HashMap::new(),
            changed: Vec::new(),
            complete: false,
            names: Names::of::<R>(schema),
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
        // One that was looked for in an earlier batch and not found is in memory as well.
        if !self.complete && self.slots.get(&key).is_none_or(|slot| slot.row.is_none()) {
            self.foreseen.entry(key).or_insert_with(make);
        }
    }

    /// The fold will put this row there, whether there is one or not: other events of the same batch may come before that or after it. For
    /// `keys` only.
    pub fn foresee_change(&mut self, row: R) {
        if !self.complete {
            let changes = self.foreseen_changes.entry(row.key()).or_default();
            if !changes.contains(&row) {
                changes.push(row);
            }
        }
    }

    /// What the row may be at some event of the batch, beside what [`Self::peek`] shows. For `keys` only.
    pub fn foreseen_changes(&self, key: &R::Key) -> impl Iterator<Item = &R> + use<'_, R> {
        self.foreseen_changes.get(key).into_iter().flatten()
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
            None => Err(Self::unwanted()),
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
        let row = self
            .slot(key)?
            .as_mut()
            .ok_or_else(|| ApplyError::new(format!("the {} that it changes does not exist", R::TABLE)))?;
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

    /// All rows in memory, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.slots.values().filter_map(|slot| slot.row.as_ref())
    }

    /// The place of a row that is about to change.
    fn slot(&mut self, key: &R::Key) -> Result<&mut Option<R>, ApplyError> {
        if !self.slots.contains_key(key) {
            if !self.complete {
                return Err(Self::unwanted());
            }
            self.slots.insert(key.clone(), Slot { row: None, changed: false });
        }
        let slot = self.slots.get_mut(key).ok_or_else(Self::unwanted)?;
        if !slot.changed {
            slot.changed = true;
            self.changed.push(key.clone());
        }
        Ok(&mut slot.row)
    }

    fn unwanted() -> ApplyError {
        ApplyError::new(format!("the fold touched a {} that `keys` did not name", R::TABLE))
    }

    async fn load_wanted(&mut self, connection: &mut PgConnection) -> Result<usize, sqlx::Error> {
        if self.wanted.is_empty() {
            return Ok(0);
        }
        let keys: Vec<R::Key> = self.wanted.drain().collect();
        let Names { table, key, all, .. } = &self.names;
        let mut query = QueryBuilder::new(format!("select {all} from {table} join unnest("));
        R::push_keys(&keys, &mut query);
        query.push(format!(") as wanted ({key}) using ({key})"));
        let found = query.build().fetch_all(connection).await?;
        let count = keys.len();
        self.slots.extend(keys.into_iter().map(|key| (key, Slot { row: None, changed: false })));
        for row in &found {
            let row = R::from_row(row)?;
            self.slots.insert(row.key(), Slot { row: Some(row), changed: false });
        }
        Ok(count)
    }

    fn write_changed(&self, writes: &mut Writes) {
        let rows = self.changed.iter().filter_map(|key| self.slots.get(key).and_then(|slot| slot.row.as_ref()));
        let rows: Vec<&R> = rows.collect();
        let Names { table, key, all, resolution } = &self.names;
        writes.add(&rows, |rows, query| {
            query.push(format!("insert into {table} ({all}) select changed.* from moved, unnest("));
            R::push_rows(rows, query);
            query.push(format!(") as changed on conflict ({key}) {resolution}"));
        });
    }

    async fn copy_all(&mut self, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let Names { table, all, .. } = &self.names;
        let statement = format!("copy {table} ({all}) from stdin (format binary)");
        let mut copy = connection.copy_in_raw(&statement).await?;
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

    fn write(&self, writes: &mut Writes) {
        self.write_changed(writes);
    }

    fn copy<'a>(&'a mut self, connection: &'a mut PgConnection) -> BoxFuture<'a, Result<u64, sqlx::Error>> {
        self.copy_all(connection).boxed()
    }

    fn is_unchanged(&self) -> bool {
        self.changed.is_empty()
    }

    fn written(&mut self) {
        self.foreseen.clear();
        self.foreseen_changes.clear();
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
        self.foreseen_changes.clear();
        self.changed.clear();
        self.complete = false;
    }

    fn assume_empty(&mut self) {
        self.complete = true;
    }
}

impl Names {
    fn of<R: Row>(schema: &str) -> Self {
        let names = |columns: &[Column]| columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let others = R::COLUMNS.iter().skip(R::KEY.len()).map(|column| format!("{0} = excluded.{0}", column.name));
        let others = others.collect::<Vec<_>>().join(", ");
        Self {
            table: format!(r#""{schema}"."{}""#, R::TABLE),
            key: names(R::KEY),
            all: names(R::COLUMNS),
            resolution: if others.is_empty() { "do nothing".to_owned() } else { format!("do update set {others}") },
        }
    }
}
