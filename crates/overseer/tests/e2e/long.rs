//! The long tier: as many rounds as there is time for, each with a `kill -9` of some process at some moment of a step.
//! `./dev long 1..10001` runs them; a range can be run later, alone or elsewhere, and the same number does the same.

use std::ops::Range;
use std::time::Duration;

use overseer_testkit::Mode;

use crate::kills::{crashed, mended};
use crate::start;

const PROCESSES: [&str; 7] =
    ["identity", "executor", "control-plane", "collector", "incident-engine", "notifier", "gateway"];
/// The moments of a step: from the approval to after its verification.
const MOMENTS_MS: u64 = 4_000;

fn range() -> Range<u64> {
    let text = std::env::var("OVERSEER_LONG").unwrap_or("1..101".to_owned());
    let (from, until) = text.split_once("..").expect("OVERSEER_LONG is FROM..UNTIL, for example 1..10001");
    from.parse().expect("a number")..until.parse().expect("a number")
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators").
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the long tier: `./dev test --long` and `./dev long FROM..UNTIL`"]
async fn rounds_of_kills() {
    let mut overseer = start(Mode::ProcessPerService).await;
    for round in range() {
        let random = mixed(round);
        let victim = PROCESSES[usize::try_from(random % 7).expect("small")];
        let moment = Duration::from_millis(random / 7 % MOMENTS_MS);
        let name = format!("round-{round}");
        let (container, _, plan) = crashed(&overseer, &name).await;
        // The answer may be lost with the process; the approval is not.
        overseer.cli(&["approve", plan["id"].as_str().expect("a plan has an id")]).await;
        tokio::time::sleep(moment).await;
        overseer.kill(victim);
        overseer.start_process(victim, None).await;
        mended(&overseer, &container, &plan, &name).await;
        overseer.docker.run(&["rm", "--force", &name]).await;
        println!(
            "round {round}: {victim} killed {} ms after the approval; one restart, one notice",
            moment.as_millis()
        );
    }
    overseer.text(&["audit", "verify"]).await;
}
