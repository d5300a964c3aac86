//! How a process ends.

use std::sync::Arc;

use overseer_bus::InProcess;
use overseer_runtime::{RunError, Task, run_until_stopped};
use overseer_testkit::until;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::house::{Counter, House, SOON, event};

#[tokio::test]
async fn finishes_work_in_hand_and_begins_nothing() {
    let house = House::new(Arc::new(InProcess::new())).await;
    let (first, second) = (event("key"), event("key"));
    house.commit(&[first.clone(), second.clone()]).await;
    let gate = Arc::new(Semaphore::new(0));
    let counter = Counter::gated(&house, gate.clone());
    let (told, mut heard) = oneshot::channel();
    let stop = house.base.stop.clone();
    let witness = Task::new("witness", async move {
        stop.cancelled().await;
        let _ = told.send(());
        Ok(())
    });
    let running = house.run(counter.clone(), vec![witness]).await;
    until("the first is in hand", SOON, async || (counter.deliveries(first.id) == 1).then_some(())).await;
    heard.try_recv().unwrap_err();
    house.base.stop.cancel();
    heard.await.unwrap();
    assert!(!running.ended(), "the first is still in hand");
    gate.add_permits(2);
    running.end().await.unwrap();
    assert_eq!(house.effects("key").await, 1);
    assert_eq!(counter.deliveries(second.id), 0);
}

#[tokio::test]
async fn a_task_that_fails_stops_all_others() {
    let error = ends_with(Task::new("failing", async { Err(RunError::Ended { name: "made up" }) })).await;
    assert!(matches!(error, RunError::Ended { name: "made up" }), "{error:?}");
}

#[tokio::test]
async fn a_task_that_panics_stops_all_others() {
    let error = ends_with(Task::new("panicking", async { panic!("a fault") })).await;
    assert!(matches!(error, RunError::Panic(_)), "{error:?}");
}

#[tokio::test]
async fn a_task_that_ends_unasked_stops_all_others() {
    let error = ends_with(Task::new("short", async { Ok(()) })).await;
    assert!(matches!(error, RunError::Ended { name: "short" }), "{error:?}");
}

#[tokio::test]
async fn an_error_on_the_way_out_is_told() {
    let stop = CancellationToken::new();
    stop.cancel();
    let seen = stop.clone();
    let late = Task::new("late", async move {
        seen.cancelled().await;
        Err(RunError::Ended { name: "late" })
    });
    let ended = run_until_stopped(vec![], vec![late, Task::new("good", async { Ok(()) })], stop).await;
    assert!(matches!(ended, Err(RunError::Ended { name: "late" })), "{ended:?}");
}

/// The end of a whole service beside `task`.
async fn ends_with(task: Task) -> RunError {
    let house = House::new(Arc::new(InProcess::new())).await;
    let running = house.run(Counter::new(&house), vec![task]).await;
    let error = running.end().await.unwrap_err();
    assert!(house.base.stop.is_cancelled());
    error
}
