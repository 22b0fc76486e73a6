use aar_cli::Failure;

/// Adds the hint of the AMS client to a failure that has none of its own.
pub(crate) fn from_error(error: &anyhow::Error) -> Failure {
    let failure = Failure::from_error(error.as_ref());
    if failure.hint().is_some() {
        return failure;
    }
    let hint = error.chain().find_map(|cause| {
        let cause = cause.downcast_ref::<ams_api::Error>()?;
        cause.hint()
    });
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_takes_the_hint_of_the_client() {
        let refused = ams_api::Error::Refused {
            status: 403,
            code: None,
            message: "not authorized: unknown certificate".to_owned(),
        };
        let failure = from_error(&anyhow::Error::new(refused).context("cannot list applications"));
        let expected = "cannot list applications: not authorized: unknown certificate";
        assert_eq!(failure.message(), expected);
        assert!(failure.hint().unwrap().contains("amc config trust add"));
    }

    #[test]
    fn failure_keeps_its_own_hint() {
        let error = Failure::new("no").with_hint("ask again");
        assert_eq!(from_error(&error.into()).hint(), Some("ask again"));
    }
}
