//! That nothing acts without a permit is a matter of types: what gets round it does not build.

#[test]
fn an_effect_needs_a_permit_and_uses_it_up() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/no_permit.rs");
    cases.compile_fail("tests/ui/made_by_hand.rs");
    cases.compile_fail("tests/ui/made_of_parts.rs");
    cases.compile_fail("tests/ui/used_twice.rs");
    cases.compile_fail("tests/ui/copied.rs");
}
