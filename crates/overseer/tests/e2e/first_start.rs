//! A first start that dies leaves nothing that stops the next one, and no token that nobody can find.

use overseer_testkit::{Mode, Overseer};

use crate::{SETTINGS, exe};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_dies_before_its_token_counts_is_made_good_by_the_next() {
    let mut overseer = Overseer::prepare(exe(), Mode::OneProcess, SETTINGS).await;
    overseer.start_and_die("up", "identity_token_kept:kill:1").await;
    let lost = overseer.token();
    overseer.start_all().await;
    assert_ne!(overseer.token(), lost, "the one that did not count is replaced");
    let who = overseer.text(&["whoami"]).await;
    assert!(who.contains("token:admin"), "{who}");
}
