//! The whole service on both databases: what facts, plans and time make of incidents, also with two instances at once.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod instance;

use instance::{Instance, SOON, Store, crash, fact, plan, step, verified};
use overseer_contract::v1 as pb;
use overseer_model::{AfterExit, Epoch, Observation, ResourceState};
use overseer_testkit::{Postgres, until};

/// Longer than any test.
const LATER: u32 = 3_600;

macro_rules! on_both_stores {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(super::Store::Sqlite(tempfile::tempdir().unwrap())).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let address = overseer_testkit::Postgres::shared().await.scratch_url().await;
                super::$case(super::Store::Postgres(address)).await;
            })*
        }
    };
}
on_both_stores! {
    crashes_of_one_container_are_one_incident_with_a_story
    incidents_are_listed_newest_first_in_pages_and_by_state
    only_a_plan_that_succeeded_resolves
    a_step_in_vain_leaves_it_open_and_unresolved
    a_plan_that_a_person_denied_is_told_and_changes_nothing
    a_container_that_is_removed_ends_its_incident
    what_is_calm_for_the_quiet_period_is_mitigated
    what_other_plans_and_newer_services_say_is_passed_over
}

async fn crashes_of_one_container_are_one_incident_with_a_story(store: Store) {
    let (instance, epoch) = (Instance::start(&store, LATER).await, Epoch::fresh());
    let first = instance.facts(epoch, vec![fact(1, "web", crash(AfterExit::StaysDown))]).await;
    assert_eq!(instance.incidents().await[0].detector(), pb::Detector::UnexpectedExit);
    let again = vec![fact(2, "web", Observation::Start), fact(3, "web", crash(AfterExit::StaysDown))];
    instance.facts(epoch, again).await;
    instance.again(&first).await;
    let incidents = instance.incidents().await;
    let [incident] = &incidents[..] else { panic!("{incidents:#?}") };
    assert_eq!((incident.detector(), incident.severity()), (pb::Detector::RestartLoop, pb::Severity::Critical));
    assert_eq!((incident.state(), incident.outcome()), (pb::IncidentState::Open, pb::Outcome::Pending));
    assert_eq!((incident.title.as_str(), incident.occurrences), ("web is crash-looping", 2));
    let story = instance.story(&incident.id).await;
    assert!(story.text.contains("web exited"), "{}", story.text);
    assert!(story.timeline.iter().all(|entry| !entry.evidence.is_empty()), "{story:#?}");
    assert_eq!(instance.audited("narrative.read").await, 1, "who reads a narrative is recorded");
}

async fn incidents_are_listed_newest_first_in_pages_and_by_state(store: Store) {
    let (instance, epoch) = (Instance::start(&store, LATER).await, Epoch::fresh());
    for number in 1..=5 {
        let crashed = fact(number, &format!("web{number}"), crash(AfterExit::StaysDown));
        instance.facts(epoch, vec![crashed]).await;
    }
    instance.facts(epoch, vec![fact(6, "web2", Observation::State(ResourceState::Removed))]).await;
    let names = |incidents: Vec<pb::Incident>| -> Vec<String> {
        incidents.into_iter().map(|incident| incident.resource.unwrap().name).collect()
    };
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListIncidentsRequest { page_size: 2, page_token, ..Default::default() };
        let page = instance.client().list_incidents(request).await.unwrap().into_inner();
        assert!(page.incidents.len() <= 2);
        listed.extend(names(page.incidents));
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    assert_eq!(listed, ["web5", "web4", "web3", "web2", "web1"]);
    let of_state = async |state: pb::IncidentState| {
        let request = pb::ListIncidentsRequest { state: state.into(), ..Default::default() };
        names(instance.client().list_incidents(request).await.unwrap().into_inner().incidents)
    };
    assert_eq!(of_state(pb::IncidentState::Open).await, ["web5", "web4", "web3", "web1"]);
    assert_eq!(of_state(pb::IncidentState::Resolved).await, ["web2"]);
    let unknown = pb::GetIncidentRequest { id: "inc_nobody".to_owned() };
    assert_eq!(instance.client().get_incident(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
}

async fn only_a_plan_that_succeeded_resolves(store: Store) {
    let instance = Instance::start(&store, LATER).await;
    let incident = instance.crashed("web").await;
    let state = async || instance.incidents().await[0].state();
    instance.tell("p", &pb::PlanReady { plan: Some(plan(&incident, pb::PlanState::Ready)) }).await;
    instance.tell("s", &pb::StepStarted { step: Some(step(&incident)), at: None }).await;
    assert_eq!(state().await, pb::IncidentState::Resolving);
    instance.tell("s", &verified(&incident, pb::Verdict::Passed)).await;
    assert_eq!(state().await, pb::IncidentState::Resolving, "one step of a plan proves nothing");
    let finished = pb::PlanFinished { plan: Some(plan(&incident, pb::PlanState::Succeeded)) };
    let finished = instance.tell("p", &finished).await;
    instance.again(&finished).await;
    let resolved = instance.incidents().await.remove(0);
    assert_eq!((resolved.state(), resolved.outcome()), (pb::IncidentState::Resolved, pb::Outcome::Resolved));
    assert!(resolved.resolved_at.is_some());
    let story = instance.story(&incident).await;
    assert_eq!(story.lessons, ["A restart fixed this problem."]);
    let succeeded = story.timeline.iter().filter(|entry| entry.text.starts_with("Every step")).count();
    assert_eq!(succeeded, 1, "a repeated event is told once");
}

async fn a_step_in_vain_leaves_it_open_and_unresolved(store: Store) {
    let instance = Instance::start(&store, LATER).await;
    let incident = instance.crashed("web").await;
    instance.tell("s", &pb::StepStarted { step: Some(step(&incident)), at: None }).await;
    instance.tell("s", &verified(&incident, pb::Verdict::Failed)).await;
    let open = instance.incidents().await.remove(0);
    assert_eq!((open.state(), open.outcome()), (pb::IncidentState::Open, pb::Outcome::Unresolved));
    // To remove what a fix did not mend is no cure.
    instance.facts(Epoch::fresh(), vec![fact(1, "web", Observation::State(ResourceState::Removed))]).await;
    let gone = instance.incidents().await.remove(0);
    assert_eq!((gone.state(), gone.outcome()), (pb::IncidentState::Resolved, pb::Outcome::Unresolved));
}

async fn a_plan_that_a_person_denied_is_told_and_changes_nothing(store: Store) {
    let instance = Instance::start(&store, LATER).await;
    let incident = instance.crashed("web").await;
    let plan = plan(&incident, pb::PlanState::Ready);
    let denied =
        pb::ApprovalDenied { plan_id: plan.id.clone(), subject: plan.subject.clone(), denied_by: "token:ana".into() };
    instance.tell("p", &denied).await;
    assert_eq!(instance.incidents().await[0].state(), pb::IncidentState::Open);
    let story = instance.story(&incident).await;
    assert!(story.timeline.iter().any(|entry| entry.text == "token:ana denied the plan."), "{story:#?}");
}

async fn a_container_that_is_removed_ends_its_incident(store: Store) {
    let (instance, epoch) = (Instance::start(&store, LATER).await, Epoch::fresh());
    instance.facts(epoch, vec![fact(1, "web", crash(AfterExit::StaysDown))]).await;
    instance.facts(epoch, vec![fact(2, "web", Observation::State(ResourceState::Removed))]).await;
    let gone = instance.incidents().await.remove(0);
    assert_eq!((gone.state(), gone.outcome()), (pb::IncidentState::Resolved, pb::Outcome::Mitigated));
    // A new container of that name is a new incident.
    instance.facts(epoch, vec![fact(3, "web", crash(AfterExit::StaysDown))]).await;
    assert_eq!(instance.incidents().await.len(), 2);
}

async fn what_is_calm_for_the_quiet_period_is_mitigated(store: Store) {
    let (instance, epoch) = (Instance::start(&store, 1).await, Epoch::fresh());
    instance.facts(epoch, vec![fact(1, "web", crash(AfterExit::StaysDown))]).await;
    instance.facts(epoch, vec![fact(2, "db", crash(AfterExit::StaysDown)), fact(3, "web", Observation::Start)]).await;
    let web = until("web is calm", SOON, async || {
        let incidents = instance.incidents().await;
        incidents.into_iter().find(|incident| incident.state() == pb::IncidentState::Resolved)
    })
    .await;
    assert_eq!((web.resource.unwrap().name.as_str(), web.outcome), ("web", pb::Outcome::Mitigated.into()));
    let open: Vec<_> = instance.incidents().await.into_iter().filter(|one| one.id != web.id).collect();
    assert_eq!(open[0].state(), pb::IncidentState::Open, "what stays down is not calm");
}

async fn what_other_plans_and_newer_services_say_is_passed_over(store: Store) {
    let (instance, epoch) = (Instance::start(&store, LATER).await, Epoch::fresh());
    let incident = instance.crashed("web").await;
    let by_request = pb::Subject { of: Some(pb::subject::Of::RequestId("req_1".into())) };
    let unheard_of = pb::Subject { of: None };
    for subject in [by_request, unheard_of] {
        let of_another = pb::StepRef { subject: Some(subject), ..step(&incident) };
        instance.tell("s", &pb::StepStarted { step: Some(of_another), at: None }).await;
    }
    assert_eq!(instance.incidents().await[0].state(), pb::IncidentState::Open);
    // An action that this build has no word for: it is not told, and what it proves counts.
    let unknown = |step: pb::StepRef| pb::StepRef { action: Some(pb::Action { template: None }), ..step };
    instance.tell("s", &pb::StepActed { step: Some(unknown(step(&incident))), ..Default::default() }).await;
    let mut finished = plan(&incident, pb::PlanState::Succeeded);
    finished.steps[0].action = Some(pb::Action { template: None });
    instance.tell("p", &pb::PlanFinished { plan: Some(finished) }).await;
    let resolved = instance.incidents().await.remove(0);
    assert_eq!((resolved.state(), resolved.outcome()), (pb::IncidentState::Resolved, pb::Outcome::Resolved));
    let mut newer = fact(1, "db", crash(AfterExit::StaysDown));
    newer.resource.as_mut().unwrap().kind = 99;
    instance.facts(epoch, vec![newer, fact(2, "cache", crash(AfterExit::StaysDown))]).await;
    let names: Vec<_> = instance.incidents().await.into_iter().map(|one| one.resource.unwrap().name).collect();
    assert_eq!(names, ["cache", "web"]);
    assert_eq!(instance.parked().await, 0);
}

/// Two instances that are given the same events at the same time, as by a bus that repeats them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_instances_at_once_tell_one_story() {
    let store = Store::Postgres(Postgres::shared().await.scratch_url().await);
    let (one, other) = tokio::join!(Instance::start(&store, LATER), Instance::start(&store, LATER));
    let epoch = Epoch::fresh();
    for number in 1..=10 {
        let name = format!("web{number}");
        let batch = instance::batch(epoch, vec![fact(number, &name, crash(AfterExit::StaysDown))]);
        tokio::join!(one.again(&batch), other.again(&batch));
        let incident = one.incidents().await.remove(0).id;
        let started = instance::event("s", &pb::StepStarted { step: Some(step(&incident)), at: None });
        let passed = instance::event("s", &verified(&incident, pb::Verdict::Passed));
        let finished = pb::PlanFinished { plan: Some(plan(&incident, pb::PlanState::Succeeded)) };
        let finished = instance::event("p", &finished);
        for event in [&started, &passed, &finished] {
            tokio::join!(one.again(event), other.again(event));
        }
        assert_eq!(one.story(&incident).await.timeline.len(), 4, "each event is told once");
    }
    let incidents = one.incidents().await;
    assert_eq!(incidents.len(), 10);
    assert!(incidents.iter().all(|incident| incident.outcome() == pb::Outcome::Resolved));
    assert_eq!((one.parked().await, one.audited("facts.missing").await), (0, 0));
}
