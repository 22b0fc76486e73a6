//! JSON that is read strictly.
//!
//! A structure must be an object: serde would also accept a list of its fields in their order, so
//! `[["game"], true]` would delete an application. A key must not occur twice. An error names the field
//! and uses the words of JSON, not the types of the program.

use std::{collections::HashSet, fmt, iter::Enumerate, vec};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess,
        Unexpected, Visitor,
    },
    forward_to_deserialize_any,
};

/// A body that is not the JSON that the route takes.
#[derive(Debug, PartialEq, Eq)]
pub struct BodyError {
    /// For example `services[1].port`; empty for the body as a whole.
    path: String,
    reason: String,
}

pub fn parse_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, BodyError> {
    let value: JsonValue = serde_json::from_slice(json)
        .map_err(|error| BodyError::new(format!("not valid JSON: {error}")))?;
    T::deserialize(value)
}

impl BodyError {
    fn new(reason: impl Into<String>) -> Self {
        let (path, reason) = (String::new(), reason.into());
        Self { path, reason }
    }

    /// The same error, of a field or list item within `outer`.
    fn within(self, outer: &str) -> Self {
        let path = match self.path.as_str() {
            "" => outer.to_owned(),
            inner if inner.starts_with('[') => format!("{outer}{inner}"),
            inner => format!("{outer}.{inner}"),
        };
        Self { path, ..self }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "body: {}", self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

impl std::error::Error for BodyError {}

impl de::Error for BodyError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("{} is not {}", describe(&found), plain(expected)))
    }

    fn invalid_value(found: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::new(format!("{} is out of range", describe(&found)))
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("{found:?} is not one of {}", known.join(", ")))
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        let known = known.join(", ");
        Self::new(format!("is not a known field (known: {known})")).within(found)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("is missing").within(field)
    }
}

fn describe(found: &Unexpected<'_>) -> String {
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

/// Omits the names of Rust types, which mean nothing to the sender of a request.
fn plain(expected: &dyn Expected) -> String {
    match &*expected.to_string() {
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "i64" | "u64" | "u32" | "u16" => "a whole number".to_owned(),
        other => other.to_owned(),
    }
}

/// Unlike `serde_json::Value`, it keeps duplicate keys.
enum JsonValue {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    String(String),
    Array(Vec<JsonValue>),
    Object(Vec<(String, JsonValue)>),
}

impl JsonValue {
    fn is_not(&self, expected: &str) -> BodyError {
        let found = match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::Unsigned(number) => Unexpected::Unsigned(*number),
            Self::Signed(number) => Unexpected::Signed(*number),
            Self::Float(number) => Unexpected::Float(*number),
            Self::String(text) => Unexpected::Str(text),
            Self::Array(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        };
        de::Error::invalid_type(found, &expected)
    }
}

impl<'de> Deserialize<'de> for JsonValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = JsonValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<JsonValue, E> {
        Ok(JsonValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<JsonValue, E> {
        Ok(JsonValue::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<JsonValue, E> {
        Ok(JsonValue::Unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<JsonValue, E> {
        Ok(JsonValue::Signed(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<JsonValue, E> {
        Ok(JsonValue::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<JsonValue, E> {
        Ok(JsonValue::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<JsonValue, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(JsonValue::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<JsonValue, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(JsonValue::Object(object))
    }
}

impl<'de> Deserializer<'de> for JsonValue {
    type Error = BodyError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Unsigned(number) => visitor.visit_u64(number),
            Self::Signed(number) => visitor.visit_i64(number),
            Self::Float(number) => visitor.visit_f64(number),
            Self::String(text) => visitor.visit_string(text),
            Self::Array(items) => visitor.visit_seq(ArrayAccess(items.into_iter().enumerate())),
            Self::Object(fields) => visitor.visit_map(ObjectAccess::new(fields)?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        match self {
            Self::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BodyError> {
        match self {
            Self::Object(fields) => visitor.visit_map(ObjectAccess::new(fields)?),
            other => Err(other.is_not("an object")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BodyError> {
        match self {
            Self::String(name) => visitor.visit_enum(name.into_deserializer()),
            other => Err(other.is_not("a text")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, BodyError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct ArrayAccess(Enumerate<vec::IntoIter<JsonValue>>);

impl<'de> SeqAccess<'de> for ArrayAccess {
    type Error = BodyError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, BodyError> {
        let next = self.0.next().map(|(index, item)| {
            let read = seed.deserialize(item);
            read.map_err(|error| error.within(&format!("[{index}]")))
        });
        next.transpose()
    }
}

struct ObjectAccess {
    fields: vec::IntoIter<(String, JsonValue)>,
    /// The field whose name was read last.
    current: Option<(String, JsonValue)>,
}

impl ObjectAccess {
    fn new(fields: Vec<(String, JsonValue)>) -> Result<Self, BodyError> {
        let mut names = HashSet::new();
        if let Some((twice, _)) = fields.iter().find(|(name, _)| !names.insert(name)) {
            return Err(BodyError::new("occurs twice").within(twice));
        }
        let (fields, current) = (fields.into_iter(), None);
        Ok(Self { fields, current })
    }
}

impl<'de> MapAccess<'de> for ObjectAccess {
    type Error = BodyError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, BodyError> {
        self.current = self.fields.next();
        let name = self.current.as_ref().map(|(name, _)| name.clone());
        let read = name.map(|name| seed.deserialize(name.into_deserializer()));
        read.transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, BodyError> {
        let (name, value) = self
            .current
            .take()
            .unwrap_or((String::new(), JsonValue::Null));
        seed.deserialize(value).map_err(|error| error.within(&name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Update {
        ids: Vec<String>,
        #[serde(default)]
        force: bool,
        #[serde(default)]
        service: Option<Service>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Service {
        port: u16,
        #[serde(default)]
        protocols: Vec<Protocol>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Protocol {
        Tcp,
        Udp,
    }

    fn refusal<T: DeserializeOwned + fmt::Debug>(json: &str) -> String {
        parse_json::<T>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn list_is_not_an_object_at_any_depth() {
        let whole = refusal::<Update>(r#"[["game"], true]"#);
        assert_eq!(whole, "body: a list is not an object");
        let inner = refusal::<Update>(r#"{"ids": [], "service": [22]}"#);
        assert_eq!(inner, "service: a list is not an object");
    }

    #[test]
    fn refusal_names_the_field() {
        for (json, expected) in [
            (r#"{"ids": "a"}"#, "ids: \"a\" is not a list"),
            (r#"{"ids": [1]}"#, "ids[0]: 1 is not a text"),
            (r#"{"ids": [null]}"#, "ids[0]: null is not a text"),
            (
                r#"{"ids": [], "force": {}}"#,
                "force: an object is not true or false",
            ),
            (
                r#"{"ids": [], "service": {"port": "x"}}"#,
                "service.port: \"x\" is not a whole number",
            ),
            (
                r#"{"ids": [], "service": {"port": 1.5}}"#,
                "service.port: 1.5 is not a whole number",
            ),
            (
                r#"{"ids": [], "service": {"port": -1}}"#,
                "service.port: -1 is out of range",
            ),
            (
                r#"{"ids": [], "service": {"port": 70000}}"#,
                "service.port: 70000 is out of range",
            ),
            (
                r#"{"ids": [], "service": {"port": 1, "protocols": ["sctp"]}}"#,
                "service.protocols[0]: \"sctp\" is not one of tcp, udp",
            ),
            (
                r#"{"ids": [], "service": {"port": 1, "host": "a"}}"#,
                "service.host: is not a known field (known: port, protocols)",
            ),
            (r#"{"ids": [], "service": {}}"#, "service.port: is missing"),
            ("{}", "ids: is missing"),
        ] {
            assert_eq!(refusal::<Update>(json), expected);
        }
    }

    #[test]
    fn duplicate_key_is_refused_wherever_it_is() {
        for (json, expected) in [
            (r#"{"ids": [], "ids": ["a"]}"#, "ids: occurs twice"),
            (
                r#"{"ids": [], "service": {"port": 1, "port": 1}}"#,
                "service.port: occurs twice",
            ),
            (
                r#"{"ids": [], "unknown": [{"a": 1, "a": 2}]}"#,
                "unknown[0].a: occurs twice",
            ),
        ] {
            assert_eq!(refusal::<Update>(json), expected);
        }
        let any = refusal::<Value>(r#"{"a": {"b": 1, "b": 1}}"#);
        assert_eq!(any, "a.b: occurs twice");
    }

    #[test]
    fn deep_nesting_and_invalid_json_are_refused() {
        let deep = "[".repeat(100_000);
        let refused = refusal::<Value>(&deep);
        assert!(
            refused.starts_with("body: not valid JSON: recursion"),
            "{refused}"
        );
        for broken in ["{", "{} {}", "{\"a\": 1,}", "\u{feff}{}", "NaN", "'a'"] {
            let refused = refusal::<Value>(broken);
            assert!(refused.starts_with("body: not valid JSON: "), "{refused}");
        }
    }

    #[test]
    fn valid_json_is_read_and_unknown_fields_are_ignored() {
        let json = br#"{"ids": ["a", "b"], "force": true, "later": {"more": [1, null]},
                        "service": {"port": 22, "protocols": ["tcp", "udp"]}}"#;
        let expected = Update {
            ids: vec!["a".to_owned(), "b".to_owned()],
            force: true,
            service: Some(Service {
                port: 22,
                protocols: vec![Protocol::Tcp, Protocol::Udp],
            }),
        };
        assert_eq!(parse_json::<Update>(json).unwrap(), expected);
        let values = r#"[null, true, 1, -1, 1.5, "a", {}, 18446744073709551615]"#;
        let read: Value = parse_json(values.as_bytes()).unwrap();
        assert_eq!(read, serde_json::from_str::<Value>(values).unwrap());
    }
}
