//! What statements take and give: parameters, rows, values.

use rusqlite::types::{FromSqlError, Type, ValueRef};

use super::Result;

/// One value of a row or a parameter.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// What names a column of a row.
pub(crate) trait Index {
    fn position(self) -> usize;
}

impl Index for usize {
    fn position(self) -> usize {
        self
    }
}

/// A row of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(super) Vec<Value>);

impl Row {
    pub(crate) fn get<I: Index, T: Read>(&self, at: I) -> Result<T> {
        let at = at.position();
        let value = self.0.get(at).ok_or(rusqlite::Error::InvalidColumnIndex(at))?;
        let unlike = || {
            rusqlite::Error::FromSqlConversionFailure(
                at,
                value.kind(),
                Box::new(FromSqlError::InvalidType),
            )
        };
        Ok(T::read(value).ok_or_else(unlike)?)
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.0
    }
}

impl Value {
    /// Takes a value of a file.
    pub(super) fn of(at: usize, value: ValueRef<'_>) -> rusqlite::Result<Self> {
        Ok(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(text) => {
                let text = std::str::from_utf8(text).map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error))
                })?;
                Self::Text(text.to_owned())
            }
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        })
    }

    fn kind(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Integer(_) => Type::Integer,
            Self::Real(_) => Type::Real,
            Self::Text(_) => Type::Text,
            Self::Blob(_) => Type::Blob,
        }
    }
}

/// What can be a parameter.
pub(crate) trait Write {
    fn value(&self) -> Value;
}

macro_rules! write_as {
    ($($kind:ty => |$it:ident| $value:expr),* $(,)?) => {
        $(impl Write for $kind {
            fn value(&self) -> Value {
                let $it = self;
                $value
            }
        })*
    };
}

write_as! {
    i64 => |it| Value::Integer(*it),
    i32 => |it| Value::Integer(i64::from(*it)),
    u32 => |it| Value::Integer(i64::from(*it)),
    u16 => |it| Value::Integer(i64::from(*it)),
    bool => |it| Value::Integer(i64::from(*it)),
    f64 => |it| Value::Real(*it),
    str => |it| Value::Text(it.to_owned()),
    String => |it| Value::Text(it.clone()),
    Vec<u8> => |it| Value::Blob(it.clone()),
    [u8] => |it| Value::Blob(it.to_vec()),
    Value => |it| it.clone(),
}

impl<T: Write + ?Sized> Write for &T {
    fn value(&self) -> Value {
        (**self).value()
    }
}

impl<T: Write + ?Sized> Write for std::sync::Arc<T> {
    fn value(&self) -> Value {
        (**self).value()
    }
}

impl<T: Write> Write for Option<T> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Write::value)
    }
}

/// The parameters of a statement.
pub(crate) trait Params {
    fn values(self) -> Vec<Value>;
}

impl Params for [&dyn Write; 0] {
    fn values(self) -> Vec<Value> {
        Vec::new()
    }
}

impl Params for &[&dyn Write] {
    fn values(self) -> Vec<Value> {
        self.iter().map(Write::value).collect()
    }
}

macro_rules! params_of {
    ($($n:literal)*) => {
        $(impl<T: Write> Params for [T; $n] {
            fn values(self) -> Vec<Value> {
                self.iter().map(Write::value).collect()
            }
        })*
    };
}

params_of! { 1 2 3 4 5 6 7 8 }

macro_rules! params_of_pairs {
    ($(($($name:ident)+))*) => {
        $(impl<$($name: Write),+> Params for ($($name,)+) {
            fn values(self) -> Vec<Value> {
                #[expect(non_snake_case, reason = "a variable for each type")]
                let ($($name,)+) = self;
                vec![$($name.value()),+]
            }
        })*
    };
}

params_of_pairs! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }

/// Parameters of different types.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::sql::value::Write),*] as &[&dyn $crate::sql::value::Write]
    };
}
pub(crate) use params;

/// What can be read from a row.
pub(crate) trait Read: Sized {
    fn read(value: &Value) -> Option<Self>;
}

macro_rules! read_as {
    ($($kind:ty => $pattern:pat => $value:expr),* $(,)?) => {
        $(impl Read for $kind {
            fn read(value: &Value) -> Option<Self> {
                match value {
                    $pattern => $value,
                    _ => None,
                }
            }
        })*
    };
}

read_as! {
    i64 => Value::Integer(it) => Some(*it),
    u64 => Value::Integer(it) => u64::try_from(*it).ok(),
    bool => Value::Integer(it) => Some(*it != 0),
    String => Value::Text(it) => Some(it.clone()),
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ToSqlOutput;
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
