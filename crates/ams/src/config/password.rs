//! The trust password is kept as an Argon2id hash; nobody can read it back.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};

use crate::Error;

/// The hash of a password, with a salt of its own.
pub(super) async fn hash(password: String) -> Result<String, Error> {
    let hashed = tokio::task::spawn_blocking(move || {
        let hashed = Argon2::default().hash_password(password.as_bytes());
        hashed.map(|hash| hash.to_string())
    });
    let hashed = hashed.await?;
    hashed.map_err(|e| Error::Corrupt(format!("a password that cannot be hashed: {e}")))
}

/// Whether the hash is that of the password.
pub(super) async fn matches(password: String, hash: String) -> Result<bool, Error> {
    let matches = tokio::task::spawn_blocking(move || {
        Argon2::default()
            .verify_password(password.as_bytes(), hash.as_str())
            .is_ok()
    });
    Ok(matches.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_recognised_by_its_hash_and_not_readable_in_it() {
        let hashed = hash("sUp3rs3cr3t".to_owned()).await.unwrap();
        assert!(!hashed.contains("sUp3rs3cr3t"));
        assert!(
            matches("sUp3rs3cr3t".to_owned(), hashed.clone())
                .await
                .unwrap()
        );
        assert!(!matches("guess".to_owned(), hashed).await.unwrap());
    }
}
