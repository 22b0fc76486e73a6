use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidValue;

macro_rules! architectures {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, machine $machine:literal;)+) => {
        /// A processor architecture, with the names of Debian, snaps and Juju.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "lowercase")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(example = "amd64"))]
        pub enum Architecture {
            $($(#[$doc])* $variant,)+
        }

        impl Architecture {
            /// All known architectures.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name of the architecture in URLs and bodies.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The architecture that this program was built for.
            pub fn of_this_machine() -> Option<Self> {
                match std::env::consts::ARCH { $($machine => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

architectures! {
    /// 64-bit x86.
    Amd64 = "amd64", machine "x86_64";
    /// 64-bit ARM.
    Arm64 = "arm64", machine "aarch64";
    /// 32-bit ARM with hardware floating point.
    Armhf = "armhf", machine "arm";
    /// 32-bit x86.
    I386 = "i386", machine "x86";
    /// 64-bit POWER, little endian.
    Ppc64el = "ppc64el", machine "powerpc64";
    /// 64-bit RISC-V.
    Riscv64 = "riscv64", machine "riscv64";
    /// IBM Z.
    S390x = "s390x", machine "s390x";
}

impl FromStr for Architecture {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let known = Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == text);
        known.ok_or_else(|| {
            InvalidValue::new(
                text,
                "an architecture (amd64, arm64, armhf, i386, ppc64el, riscv64 or s390x)",
            )
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_architecture_is_refused_with_the_names_of_all_others() {
        let refusal = "x86_64".parse::<Architecture>().unwrap_err().to_string();
        for architecture in Architecture::ALL {
            assert_eq!(architecture.as_str().parse(), Ok(*architecture));
            assert_eq!(
                serde_json::to_value(architecture).unwrap(),
                architecture.as_str()
            );
            assert!(refusal.contains(architecture.as_str()), "{refusal}");
        }
    }
}
