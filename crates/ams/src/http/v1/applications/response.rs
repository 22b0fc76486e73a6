//! Applications in responses.
//!
//! Clients built with the public Go SDK read slots into plain numbers, where -1 means that they are not
//! set. They would read a missing number as 0, which means no GPU.

use ams_api::Application;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::{Value, json};

const NOT_SET: i64 = -1;

/// An application with a number for unset slots.
#[derive(Debug)]
pub(super) struct ApplicationResponse(pub(super) Application);

impl Serialize for ApplicationResponse {
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
    fn unset_slots_are_shown_as_minus_one() {
        let application = Application {
            resources: Resources {
                vpu_slots: Some(0),
                ..Resources::default()
            },
            ..Application::default()
        };
        let shown = serde_json::to_value(ApplicationResponse(application.clone())).unwrap();
        assert_eq!(shown["resources"], json!({"gpu-slots": -1, "vpu-slots": 0}));
        let read: Application = serde_json::from_value(shown).unwrap();
        assert_eq!(read, application);
    }
}
