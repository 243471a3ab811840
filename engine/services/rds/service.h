// Amazon RDS: Aurora PostgreSQL clusters, each one real PostgreSQL server of this host.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html
//
// Real: databases, master user and password, stop and start, deletion, the final snapshot and a
// restore of it, the export of the log. The server is the host's (PostgreSQL 15 on Debian 12)
// whatever EngineVersion of 15 or 16 is told, and runs from the creation of the cluster on. All
// instances of a cluster are that server: the reader's endpoint leads to the writer, and its class,
// capacity and encryption are records. So are backup retention, windows and parameter groups (the
// default ones). A Port other than 5432 is taken or fails; else a free one is, told by Port and
// Endpoint.
//
// Effects (engine/postgres): postgres.run by the cluster's resource id, pending for as long as the
// cluster shall run; postgres.stop, postgres.password and postgres.delete below it.
#pragma once

#include <memory>
#include <string>

#include "services/base/service.h"

namespace kiban::services::rds {

struct RdsOptions {
  // Address of every endpoint; empty: names as AWS makes them, which only containers resolve.
  std::string endpoint_host{};
};

std::unique_ptr<Service> make_rds(RdsOptions options = {});

}  // namespace kiban::services::rds
