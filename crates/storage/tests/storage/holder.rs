//! Being alone on PostgreSQL: one holder at a time, and no write of one whose term is over.

use std::time::Duration;

use overseer_model::ServiceName;
use overseer_storage::{Competitor, Db, Held, HolderName, Location, Migrations, StoreError, state};
use overseer_testkit::{Postgres, until};

const SERVICE: ServiceName = ServiceName::Collector;
const SOON: Duration = Duration::from_secs(20);

struct Place {
    url: String,
    location: Location,
}

impl Place {
    async fn new() -> Self {
        let url = Postgres::shared().await.scratch_url().await;
        let location = Location::Postgres { address: url.clone() };
        Db::open(&location, SERVICE, Migrations(&[])).await.unwrap();
        Self { url, location }
    }

    fn competitor(&self, scope: &str, address: &str) -> Competitor {
        let name = HolderName { service: SERVICE, scope: scope.to_owned() };
        Competitor::new(&self.location, name, address.to_owned()).unwrap().unwrap()
    }

    async fn db(&self, held: &Held) -> Db {
        Db::open(&self.location, SERVICE, Migrations(&[])).await.unwrap().in_term(held.term())
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("in time")
}

/// Tries until it has the lock.
async fn acquire(competitor: &Competitor) -> Held {
    until("the lock", SOON, async || competitor.attempt().await.unwrap()).await
}

async fn write(db: &Db, value: &str) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    state::set(&mut tx.conn(), "said", value).await?;
    tx.commit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_holds_and_the_next_has_it_when_it_is_released() {
    let place = Place::new().await;
    let (one, other) = (place.competitor("home", "http://one"), place.competitor("home", "http://other"));
    let first = acquire(&one).await;
    assert!(other.attempt().await.unwrap().is_none(), "it is taken");
    // Another site's is another lock.
    let away = acquire(&place.competitor("away", "http://away")).await;
    let db = place.db(&first).await;
    assert_eq!(other.address_of_holder(&db).await.unwrap().as_deref(), Some("http://one"));
    write(&db, "first").await.unwrap();
    first.release().await;
    let second = acquire(&other).await;
    assert_eq!(one.address_of_holder(&db).await.unwrap().as_deref(), Some("http://other"));
    write(&place.db(&second).await, "second").await.unwrap();
    away.release().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_whose_session_was_ended_knows_it_and_cannot_write_any_more() {
    let place = Place::new().await;
    let (one, other) = (place.competitor("home", "http://one"), place.competitor("home", "http://other"));
    let mut first = acquire(&one).await;
    let db = place.db(&first).await;
    write(&db, "first").await.unwrap();
    // A transaction that is on its way when the session ends.
    let mut late = db.begin_write().await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = \
               (SELECT oid FROM pg_database WHERE datname = current_database())";
    Postgres::psql(&place.url, end).await.unwrap();
    let finish = async {
        soon(first.lost()).await;
        state::set(&mut late.conn(), "said", "late").await.unwrap();
        late.commit().await.unwrap();
    };
    let ((), second) = tokio::join!(finish, acquire(&other));
    // From here on the old term is refused, whatever its process believes.
    assert!(matches!(write(&db, "too late").await, Err(StoreError::NotHolder)));
    let db = place.db(&second).await;
    let mut reader = db.reader().await.unwrap();
    assert_eq!(state::get(&mut reader.conn(), "said").await.unwrap().as_deref(), Some("late"));
    drop(reader);
    write(&db, "second").await.unwrap();
}
