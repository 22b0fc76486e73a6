use aar_types::InvalidValue;
use serde::{Deserialize, Serialize};

macro_rules! filter {
    ($($(#[$doc:meta])* $attribute:ident,)+) => {
        /// Selects the applications that meet every condition. Values are text as in the query; the
        /// server checks them.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct ApplicationFilter {
            $($(#[$doc])* pub $attribute: Option<String>,)+
        }

        impl ApplicationFilter {
            /// The filter attributes.
            pub const ATTRIBUTES: &[&str] = &[$(stringify!($attribute)),+];

            /// The conditions as query parameters.
            pub fn conditions(&self) -> impl Iterator<Item = (&'static str, &str)> {
                [$((stringify!($attribute), self.$attribute.as_deref())),+]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?)))
            }

            fn slot(&mut self, attribute: &str) -> Option<&mut Option<String>> {
                match attribute {
                    $(stringify!($attribute) => Some(&mut self.$attribute),)+
                    _ => None,
                }
            }
        }
    };
}

filter! {
    /// With this id.
    id,
    /// With this name.
    name,
    /// With this instance type.
    instance_type,
    /// In this status.
    status,
    /// With this boot package.
    boot_package,
    /// Immutable or not.
    immutable,
    /// Excluded from automatic updates or not.
    inhibit_auto_updates,
    /// With a published version, or without.
    published,
    /// With all of these addons, separated by commas.
    addons,
    /// With this Android ABI.
    abi,
    /// With all of these tags, separated by commas.
    tags,
    /// With this variant of the base image.
    parent_image_variant,
    /// For virtual machines, or for containers.
    vm,
}

impl ApplicationFilter {
    /// Adds a condition. The attribute may be written with hyphens; `tag` is another name of `tags`.
    pub fn set(&mut self, attribute: &str, value: &str) -> Result<(), InvalidValue> {
        let name = match attribute {
            "tag" => "tags".to_owned(),
            other => other.replace('-', "_"),
        };
        let slot = self.slot(&name).ok_or_else(|| InvalidValue {
            value: attribute.to_owned(),
            expected: "an attribute of the filter",
        })?;
        *slot = Some(value.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_attributes_are_accepted_with_hyphens_or_underscores() {
        let mut filter = ApplicationFilter::default();
        filter.set("instance-type", "a2.3").unwrap();
        filter.set("tag", "game").unwrap();
        filter.set("vm", "true").unwrap();
        let conditions: Vec<_> = filter.conditions().collect();
        assert_eq!(
            conditions,
            [("instance_type", "a2.3"), ("tags", "game"), ("vm", "true")]
        );
    }

    #[test]
    fn unknown_filter_attribute_is_refused() {
        let error = ApplicationFilter::default()
            .set("colour", "red")
            .unwrap_err();
        assert_eq!(error.value, "colour");
    }
}
