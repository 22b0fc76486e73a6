//! Argon2id hashes of the trust password.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};

use crate::Error;

/// Hashes a password with a random salt.
pub(super) async fn hash(password: String) -> Result<String, Error> {
    let hashed = tokio::task::spawn_blocking(move || {
        let hashed = Argon2::default().hash_password(password.as_bytes());
        hashed.map(|hash| hash.to_string())
    });
    let hashed = hashed.await?;
    hashed.map_err(|e| Error::Corrupt(format!("a password that cannot be hashed: {e}")))
}

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
    async fn password_matches_its_hash_which_does_not_contain_it() {
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
