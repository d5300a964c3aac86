//! What may leave the site.
#![no_main]

use libfuzzer_sys::fuzz_target;
use overseer_signatures::{LONGEST_PUBLIC_FORM, public_form};

fuzz_target!(|template: &str| {
    let form = public_form(template);
    assert!(form.as_str().len() <= LONGEST_PUBLIC_FORM && form.as_str().is_ascii());
    assert!(!form.as_str().bytes().any(|byte| byte.is_ascii_digit()));
});
