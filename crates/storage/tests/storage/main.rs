//! What the stores of every service promise, written once and run on both engines; then what each engine has of its own.

// Tests may be direct.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod chain;
mod courier;
mod disk;
mod holder;
mod opening;
mod outage;
mod place;
mod power;

macro_rules! contract {
    ($open:path; $($module:ident::$case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            crate::$module::$case(&$open().await).await;
        }
    )*};
}
macro_rules! storage_contract {
    ($open:path) => {
        contract!($open;
            opening::opens_again_with_what_it_kept
            opening::refuses_tables_that_are_newer_or_other
            opening::writers_wait_for_each_other_and_none_fails
            opening::a_dropped_transaction_changes_nothing
            opening::has_one_epoch_however_many_open_it
            courier::keeps_no_event_of_a_transaction_that_was_rolled_back
            courier::gives_events_back_exactly_and_in_the_order_of_their_making
            courier::gives_an_event_until_it_was_sent_and_all_again_when_asked
            courier::sends_again_what_was_sent_since_and_nothing_that_consumers_may_have_forgotten
            courier::forgets_sent_events_by_their_first_sending_and_keeps_waiting_ones
            courier::sees_an_event_first_once
            courier::sees_an_event_first_again_when_applying_it_failed
            courier::only_one_of_many_sees_an_event_first
            courier::forgets_what_was_seen_long_ago
            courier::keeps_all_of_a_parked_event_until_it_is_removed_or_too_old
            courier::counts_each_event_that_was_put_aside_once
            courier::replaces_nul_in_text
            chain::orders_concurrent_writers_and_checks_out_meanwhile
            chain::checks_a_chain_of_several_pages
            chain::lists_the_newest_first
            chain::finds_every_kind_of_tampering
        );
    };
}
mod on_sqlite {
    storage_contract!(crate::place::sqlite);
}
mod on_postgres {
    storage_contract!(crate::place::postgres);
    // A file belongs to one process, a schema may have several.
    contract!(crate::place::postgres; opening::is_opened_by_many_at_once);
}
