use aar_types::InvalidValue;
use serde::{Deserialize, Serialize};

macro_rules! filter {
    ($($(#[$doc:meta])* $attribute:ident,)+) => {
        /// Which applications to list: those for which every given condition holds. The values are
        /// kept as text, as they stand in the query; the server judges them.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct ApplicationFilter {
            $($(#[$doc])* pub $attribute: Option<String>,)+
        }

        impl ApplicationFilter {
            /// The attributes that can be filtered by.
            pub const ATTRIBUTES: &[&str] = &[$(stringify!($attribute)),+];

            /// The conditions, as names and values of a query.
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
    /// Immutable, or not.
    immutable,
    /// Kept from automatic updates, or not.
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
    /// Adds the condition that an attribute has a value. Names of attributes may be written with
    /// hyphens, and `tag` stands for `tags`.
    pub fn set(&mut self, attribute: &str, value: &str) -> Result<(), InvalidValue> {
        let name = match attribute {
            "tag" => "tags".to_owned(),
            other => other.replace('-', "_"),
        };
        let slot = self.slot(&name).ok_or_else(|| InvalidValue {
            value: attribute.to_owned(),
            expected: "an attribute that applications are filtered by",
        })?;
        *slot = Some(value.to_owned());
        Ok(())
    }
}

/// Which part of a collection to list, and how much of each entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    /// 0 for addresses, 1 for whole objects.
    pub recursion: u8,
    /// How many entries to skip.
    pub offset: u64,
    /// How many entries to show; negative for all.
    pub limit: i64,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            recursion: 0,
            offset: 0,
            limit: -1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_known_in_both_spellings() {
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
    fn an_attribute_that_nobody_knows_is_refused() {
        let error = ApplicationFilter::default()
            .set("colour", "red")
            .unwrap_err();
        assert_eq!(error.value, "colour");
    }
}
