/// Declares a row: its table, its key, its columns with their SQL types. Generated columns are left out.
///
/// ```
/// projector::row! {
///     /// A parcel.
///     pub struct Parcel in "parcel" {
///         key { id: String => "text" }
///         weight: Option<i64> => "bigint",
///     }
/// }
/// ```
#[macro_export]
macro_rules! row {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident in $table:literal {
            key { $($(#[$key_attribute:meta])* $key:ident: $key_type:ty => $key_sql:literal),+ $(,)? }
            $($(#[$column_attribute:meta])* $column:ident: $column_type:ty => $column_sql:literal),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
        pub struct $name {
            $($(#[$key_attribute])* pub $key: $key_type,)+
            $($(#[$column_attribute])* pub $column: $column_type,)*
        }

        impl $crate::rows::Row for $name {
            type Key = $crate::one_or_tuple!($($key_type),+);
            const TABLE: &'static str = $table;
            const KEY: &'static [$crate::rows::Column] =
                &[$($crate::rows::Column { name: stringify!($key), sql_type: $key_sql }),+];
            const COLUMNS: &'static [$crate::rows::Column] = &[
                $($crate::rows::Column { name: stringify!($key), sql_type: $key_sql },)+
                $($crate::rows::Column { name: stringify!($column), sql_type: $column_sql },)*
            ];

            fn key(&self) -> Self::Key {
                ($(self.$key.clone()),+)
            }

            fn push_keys(keys: &[Self::Key], query: &mut sqlx::QueryBuilder<'_, sqlx::Postgres>) {
                struct Columns {
                    $($key: Vec<$key_type>,)+
                }
                let mut columns = Columns { $($key: Vec::with_capacity(keys.len()),)+ };
                for $crate::one_or_tuple!($($key),+) in keys {
                    $(columns.$key.push($key.clone());)+
                }
                let mut arrays = query.separated(", ");
                $(arrays.push_bind(columns.$key).push_unseparated(concat!("::", $key_sql, "[]"));)+
            }

            fn push_rows(rows: &[&Self], query: &mut sqlx::QueryBuilder<'_, sqlx::Postgres>) {
                let mut arrays = query.separated(", ");
                $(arrays
                    .push_bind(rows.iter().map(|row| row.$key.clone()).collect::<Vec<$key_type>>())
                    .push_unseparated(concat!("::", $key_sql, "[]"));)+
                $(arrays
                    .push_bind(rows.iter().map(|row| row.$column.clone()).collect::<Vec<$column_type>>())
                    .push_unseparated(concat!("::", $column_sql, "[]"));)*
            }

            fn copy(&self, tuple: &mut $crate::rows::Tuple) -> Result<(), sqlx::error::BoxDynError> {
                tuple.begin(<Self as $crate::rows::Row>::COLUMNS.len());
                $(tuple.value(&self.$key)?;)+
                $(tuple.value(&self.$column)?;)*
                Ok(())
            }
        }
    };
}

/// Declares the tables of a projection.
///
/// ```
/// # projector::row! { /// A parcel.
/// # pub struct Parcel in "parcel" { key { id: String => "text" } } }
/// projector::rows! {
///     /// What is on its way.
///     pub struct ParcelRows { parcel: Parcel }
/// }
/// ```
#[macro_export]
macro_rules! rows {
    ($(#[$attribute:meta])* pub struct $name:ident { $($table:ident: $row:ty),+ $(,)? }) => {
        $(#[$attribute])*
        pub struct $name {
            $(
                /// The rows of the table of that name.
                pub $table: $crate::rows::Table<$row>,
            )+
        }

        impl $crate::rows::Rows for $name {
            fn in_schema(schema: &str) -> Self {
                Self { $($table: $crate::rows::Table::in_schema(schema),)+ }
            }

            fn tables(&mut self) -> Vec<&mut dyn $crate::rows::AnyTable> {
                vec![$(&mut self.$table),+]
            }
        }
    };
}

/// A thing alone, or several as a tuple.
#[doc(hidden)]
#[macro_export]
macro_rules! one_or_tuple {
    ($one:tt) => { $one };
    ($($many:tt),+) => { ($($many),+) };
}
