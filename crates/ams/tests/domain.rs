//! What AMS does with applications, certificates and configuration, through its public interface:
//! a real database, real packages, real images.

#[cfg(test)]
mod domain {
    mod applications;
    mod configuration;
    mod crash;
    mod delete;
    mod examples;
    mod operations;
    mod partial_updates;
    mod publish;
    mod registry;
    mod support;
    mod trust;
}
