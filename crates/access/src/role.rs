//! Roles and what each may do, as one table.
//!
//! A permission is what a handler asks for; a role is what an account has. Nothing else grants.

use std::fmt;

/// What an account is in the company.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Chief executive.
    Ceo,
    /// Chief marketing officer.
    Cmo,
    /// Chief financial officer.
    Cfo,
    /// Chief revenue officer.
    Cro,
    /// Analyst: also compares models and reads what was set aside.
    Analyst,
    /// Reads answers, and no rows.
    Viewer,
    /// Manages people and reads the audit log, besides what an analyst may do.
    Administrator,
}

/// What a handler may ask of its caller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Permission {
    /// Reads answers: figures, charts, tables.
    ReadAnswers,
    /// Opens the rows that make a figure.
    OpenRows,
    /// Takes rows, tables and packs away as files.
    Export,
    /// Reads what each word means.
    ReadDefinitions,
    /// Reads loads, checks and counts of the data.
    ReadHealth,
    /// Compares models and reads quarantined rows.
    Analyze,
    /// Changes the own password, second factor, tokens, sessions and preferences.
    ManageOwn,
    /// Invites, changes and removes people.
    ManagePeople,
    /// Reads the audit log.
    ReadAudit,
}

use Permission::{
    Analyze, Export, ManageOwn, ManagePeople, OpenRows, ReadAnswers, ReadAudit, ReadDefinitions,
    ReadHealth,
};

const READS: &[Permission] = &[ReadAnswers, ReadDefinitions, ReadHealth, ManageOwn];
const LEADS: &[Permission] =
    &[ReadAnswers, OpenRows, Export, ReadDefinitions, ReadHealth, ManageOwn];
const ANALYZES: &[Permission] =
    &[ReadAnswers, OpenRows, Export, ReadDefinitions, ReadHealth, Analyze, ManageOwn];

/// Which role may do what. The one place where rights are given.
pub const TABLE: [(Role, &[Permission]); 7] = [
    (Role::Ceo, LEADS),
    (Role::Cmo, LEADS),
    (Role::Cfo, LEADS),
    (Role::Cro, LEADS),
    (Role::Analyst, ANALYZES),
    (Role::Viewer, READS),
    (Role::Administrator, &Permission::ALL),
];

/// Returns what a role may do.
pub fn permissions(role: Role) -> &'static [Permission] {
    TABLE.iter().find(|(known, _)| *known == role).map_or(&[], |(_, permissions)| permissions)
}

impl Role {
    /// All roles, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Ceo,
        Self::Cmo,
        Self::Cfo,
        Self::Cro,
        Self::Analyst,
        Self::Viewer,
        Self::Administrator,
    ];

    /// Returns the stable identifier: in the database, the API and on the command line.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Ceo => "ceo",
            Self::Cmo => "cmo",
            Self::Cfo => "cfo",
            Self::Cro => "cro",
            Self::Analyst => "analyst",
            Self::Viewer => "viewer",
            Self::Administrator => "administrator",
        }
    }

    /// Returns the name as people write it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ceo => "CEO",
            Self::Cmo => "CMO",
            Self::Cfo => "CFO",
            Self::Cro => "CRO",
            Self::Analyst => "Analyst",
            Self::Viewer => "Viewer",
            Self::Administrator => "Administrator",
        }
    }

    /// Reads an identifier.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl Permission {
    /// All permissions, in the order of the table in the documentation.
    pub const ALL: [Self; 9] = [
        ReadAnswers,
        OpenRows,
        Export,
        ReadDefinitions,
        ReadHealth,
        Analyze,
        ManageOwn,
        ManagePeople,
        ReadAudit,
    ];

    /// Returns the stable identifier.
    pub const fn id(self) -> &'static str {
        match self {
            ReadAnswers => "read-answers",
            OpenRows => "open-rows",
            Export => "export",
            ReadDefinitions => "read-definitions",
            ReadHealth => "read-health",
            Analyze => "analyze",
            ManageOwn => "manage-own",
            ManagePeople => "manage-people",
            ReadAudit => "read-audit",
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Permissions(u16);

impl Permissions {
    /// Returns what a role may do.
    pub fn of(role: Role) -> Self {
        Self::from_slice(permissions(role))
    }

    /// Returns the set of what is listed.
    pub fn from_slice(permissions: &[Permission]) -> Self {
        Self(permissions.iter().fold(0, |set, permission| set | 1 << *permission as u16))
    }

    /// True where the permission is in the set.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u16) != 0
    }

    /// Returns what is in both sets.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the set without a permission.
    #[must_use]
    pub const fn without(self, permission: Permission) -> Self {
        Self(self.0 & !(1 << permission as u16))
    }

    /// True where all of this set is in the other.
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Returns the permissions in the order of [`Permission::ALL`].
    pub fn list(self) -> Vec<Permission> {
        Permission::ALL.into_iter().filter(|permission| self.has(*permission)).collect()
    }
}
