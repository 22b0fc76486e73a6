//! Applications as they go out.
//!
//! Clients that were made with the public Go SDK have plain numbers for slots. They know -1 for what
//! is not set; a number that is missing they would take for 0, which is no GPU at all.

use ams_api::Application;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::{Value, json};

const NOT_SET: i64 = -1;

/// An application, with a number for everything that clients take a number for.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Application);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut shown = serde_json::to_value(&self.0).map_err(S::Error::custom)?;
        if let Some(Value::Object(resources)) = shown.get_mut("resources") {
            for slots in ["gpu-slots", "vpu-slots"] {
                resources.entry(slots).or_insert_with(|| json!(NOT_SET));
            }
        }
        shown.serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use aar_types::Resources;

    use super::*;

    #[test]
    fn slots_that_are_not_set_are_told_as_such_and_others_as_they_are() {
        let application = Application {
            resources: Resources {
                vpu_slots: Some(0),
                ..Resources::default()
            },
            ..Application::default()
        };
        let shown = serde_json::to_value(Shown(application.clone())).unwrap();
        assert_eq!(shown["resources"], json!({"gpu-slots": -1, "vpu-slots": 0}));
        let read: Application = serde_json::from_value(shown).unwrap();
        assert_eq!(read, application);
    }
}
