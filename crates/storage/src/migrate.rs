//! The tables of a service: the common ones, then its own. Forward only; an older build refuses newer tables.

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Acquire, AssertSqlSafe, SqlSafeStr};

const COMMON: &[(i64, &str, &str)] = &[
    (1, "courier", include_str!("../../../migrations/common/0001_courier.sql")),
    (2, "parked", include_str!("../../../migrations/common/0002_parked.sql")),
    (3, "holder", include_str!("../../../migrations/common/0003_holder.sql")),
    (4, "first_relayed", include_str!("../../../migrations/common/0004_first_relayed.sql")),
];

/// A service's own migrations: version (from 100), name, SQL.
#[derive(Clone, Copy, Debug)]
pub struct Migrations(pub &'static [(i64, &'static str, &'static str)]);

impl Migrations {
    pub(crate) async fn run<'a, A>(self, target: A) -> Result<(), MigrateError>
    where
        A: Acquire<'a>,
        <A::Connection as std::ops::Deref>::Target: Migrate,
    {
        let all = COMMON.iter().chain(self.0).map(|&(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, AssertSqlSafe(sql).into_sql_str(), false)
        });
        Migrator::with_migrations(all.collect()).run(target).await
    }
}
