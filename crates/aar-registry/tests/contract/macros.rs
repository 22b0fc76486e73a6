//! The macros of the suites that are not converted to plain functions yet.

/// Makes a test of each function, for each backend. A new backend is a new line here.
macro_rules! on_every_backend {
    ($(async fn $name:ident($fixture:pat) $body:block)+) => {
        $crate::macros::on_backends! {
            [sqlite_and_folder: SqliteFolder, sqlite_and_bucket: SqliteBucket]
            $(async fn $name($fixture) $body)+
        }
    };
}
pub(crate) use on_every_backend;

/// The same for what only a folder has: files, their modes, and what can be in their way.
macro_rules! on_folders {
    ($(async fn $name:ident($fixture:pat) $body:block)+) => {
        $crate::macros::on_backends! {
            [sqlite_and_folder: SqliteFolder]
            $(async fn $name($fixture) $body)+
        }
    };
}
pub(crate) use on_folders;

/// The same for what only a bucket has: parts and signed addresses.
macro_rules! on_buckets {
    ($(async fn $name:ident($fixture:pat) $body:block)+) => {
        $crate::macros::on_backends! {
            [sqlite_and_bucket: SqliteBucket]
            $(async fn $name($fixture) $body)+
        }
    };
}
pub(crate) use on_buckets;

macro_rules! on_backends {
    ($backends:tt $(async fn $name:ident($fixture:pat) $body:block)+) => {
        $(
            async fn $name(backend: $crate::backend::Backend) {
                let Some($fixture) = $crate::backend::Fixture::start(backend).await else {
                    return;
                };
                $body
            }

            $crate::macros::on_these! { $name $backends }
        )+
    };
}
pub(crate) use on_backends;

macro_rules! on_these {
    ($name:ident [$($test:ident: $backend:ident),+]) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$name($crate::backend::Backend::$backend).await;
                }
            )+
        }
    };
}
pub(crate) use on_these;
