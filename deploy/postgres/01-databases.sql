-- Three databases, each with an owner of its own; passwords are set from the secret in 02.
create role dagster login;
create role ledger login;
create role publisher login createrole;
create database dagster owner dagster;
create database ledger owner ledger;
create database publication owner publisher;
revoke connect on database dagster, ledger, publication from public;
