//! JSON as the API takes it.
//!
//! A structure is an object, at every depth. Serde would take a list of its fields in their order
//! as well: nobody means that who sends one, and `[["game"], true]` would delete an application.
//! What does not fit is told in plain words, with the field that it is about.

use std::{fmt, iter::Enumerate, vec};

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess,
        Unexpected, Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value, map};

/// A body that is not what the route takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The field, such as `services[1].port`; empty for the body as a whole.
    field: String,
    reason: String,
}

/// Reads a body.
pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, Misfit> {
    let value = serde_json::from_slice(json)
        .map_err(|error| Misfit::new(format!("it is no JSON ({error})")))?;
    T::deserialize(Strict(value))
}

impl Misfit {
    fn new(reason: impl Into<String>) -> Self {
        let (field, reason) = (String::new(), reason.into());
        Self { field, reason }
    }

    /// The same of a field, or of an item in brackets, that lies in another one.
    fn below(self, outer: &str) -> Self {
        let field = match self.field.as_str() {
            "" => outer.to_owned(),
            inner if inner.starts_with('[') => format!("{outer}{inner}"),
            inner => format!("{outer}.{inner}"),
        };
        Self { field, ..self }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "the body is not as expected: {}", self.reason),
            field => write!(f, "{field}: {}", self.reason),
        }
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new(format!("{} is not {}", shown(&found), plain(wanted)))
    }

    fn invalid_value(found: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::new(format!("{} is out of range", shown(&found)))
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("{found:?} is not one of {}", known.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("is missing").below(field)
    }
}

fn shown(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Unit => "null".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// The types of the program mean nothing to whoever reads the message.
fn plain(wanted: &dyn Expected) -> String {
    match &*wanted.to_string() {
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "i64" | "u64" | "u32" | "u16" => "a whole number".to_owned(),
        other => other.to_owned(),
    }
}

/// A value of which structures are read from objects only.
struct Strict(Value);

impl Strict {
    fn misfit(&self, wanted: &str) -> Misfit {
        let found = match &self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(number) => Unexpected::Float(number.as_f64().unwrap_or_default()),
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        de::Error::invalid_type(found, &wanted)
    }
}

impl<'de> Deserializer<'de> for Strict {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter().enumerate())),
            Value::Object(fields) => visitor.visit_map(Fields::of(fields)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            value => visitor.visit_some(Self(value)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(Fields::of(fields)),
            other => Err(Self(other).misfit("an object")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(name.into_deserializer()),
            other => Err(Self(other).misfit("a text")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items(Enumerate<vec::IntoIter<Value>>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let next = self.0.next().map(|(index, item)| {
            let read = seed.deserialize(Strict(item));
            read.map_err(|misfit| misfit.below(&format!("[{index}]")))
        });
        next.transpose()
    }
}

struct Fields {
    fields: map::IntoIter,
    /// The one whose name was read last.
    field: Option<(String, Value)>,
}

impl Fields {
    fn of(fields: Map<String, Value>) -> Self {
        let (fields, field) = (fields.into_iter(), None);
        Self { fields, field }
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Misfit;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        self.field = self.fields.next();
        let name = self.field.as_ref().map(|(name, _)| name.clone());
        let read = name.map(|name| seed.deserialize(name.into_deserializer()));
        read.transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let (name, value) = self.field.take().unwrap_or_default();
        let read = seed.deserialize(Strict(value));
        read.map_err(|misfit| misfit.below(&name))
    }
}

#[cfg(test)]
mod tests {
    use ams_api::{ApplicationPatch, ApplicationsDelete, ConfigPost, SyncPost};

    use super::*;

    fn refusal<T: DeserializeOwned + fmt::Debug>(json: &str) -> String {
        read::<T>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        let whole = "the body is not as expected: a list is not an object";
        assert_eq!(refusal::<ApplicationsDelete>(r#"[["game"], true]"#), whole);
        assert_eq!(
            refusal::<ConfigPost>(r#"["registry.mode", "manual"]"#),
            whole
        );
        assert_eq!(refusal::<SyncPost>("[true]"), whole);
        for (json, field) in [
            (r#"{"resources": [4]}"#, "resources"),
            (r#"{"watchdog": [true, []]}"#, "watchdog"),
            (r#"{"services": [["ssh", 22]]}"#, "services[0]"),
        ] {
            let refusal = refusal::<ApplicationPatch>(json);
            assert_eq!(refusal, format!("{field}: a list is not an object"));
        }
    }

    #[test]
    fn a_misfit_is_told_in_plain_words_with_its_field() {
        for (json, told) in [
            (r#"{"tags": "fun"}"#, "tags: \"fun\" is not a list"),
            (r#"{"tags": [1]}"#, "tags[0]: 1 is not a text"),
            (
                r#"{"resources": {"cpus": "many"}}"#,
                "resources.cpus: \"many\" is not a whole number",
            ),
            (
                r#"{"resources": {"cpus": 1.5}}"#,
                "resources.cpus: 1.5 is not a whole number",
            ),
            (
                r#"{"inhibit_auto_updates": 1}"#,
                "inhibit_auto_updates: 1 is not true or false",
            ),
            (
                r#"{"services": [{"name": "a"}]}"#,
                "services[0].port: is missing",
            ),
            (
                r#"{"services": [{"name": "a", "port": 70000}]}"#,
                "services[0].port: 70000 is out of range",
            ),
            (
                r#"{"services": [{"name": "a", "port": 1, "protocols": ["sctp"]}]}"#,
                "services[0].protocols[0]: \"sctp\" is not one of tcp, udp",
            ),
            (
                r#"{"video_encoder": "magic"}"#,
                "video_encoder: \"magic\" is not a video encoder (gpu, gpu-preferred, software or \
                 vpu)",
            ),
            (r#"{"video_encoder": 1}"#, "video_encoder: 1 is not a text"),
        ] {
            assert_eq!(refusal::<ApplicationPatch>(json), told);
        }
    }

    #[test]
    fn what_fits_is_read_and_what_nobody_knows_ignored() {
        let json = br#"{"ids": ["a", "b"], "force": true, "later": {"more": [1, null]}}"#;
        let read: ApplicationsDelete = read(json).unwrap();
        assert_eq!((read.ids.len(), read.force), (2, true));
    }
}
