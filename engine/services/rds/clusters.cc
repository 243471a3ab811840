#include "services/rds/clusters.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"
#include "services/rds/checks.h"

namespace kiban::services::rds {
namespace {

constexpr std::string_view letters_and_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr std::string_view small_letters = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view version_default = "15.10";
constexpr std::int64_t port_default = 5432;
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
constexpr std::size_t password_min = 8;
constexpr std::size_t password_max = 128;

std::unexpected<Error> invalid_value(std::string cause) {
  return fail("InvalidParameterValue", std::move(cause));
}

std::unexpected<Error> invalid_state(const json::object& row, std::string_view wanted) {
  return fail("InvalidDBClusterStateFault",
              fmt::format("DbCluster {} is not in {} state: it is {}",
                          text(row, "DBClusterIdentifier"), wanted, text(row, "Status")));
}

Result<void> check_name(std::string_view member, std::string_view name) {
  const bool valid = !name.empty() && name.size() <= 63 &&
                     std::isalpha(static_cast<unsigned char>(name.front())) != 0 &&
                     std::ranges::all_of(name, [](char c) {
                       return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
                     });
  if (!valid)
    return invalid_value(fmt::format(
        "{} must begin with a letter and contain only alphanumeric characters.", member));
  constexpr std::string_view reserved[] = {"rdsadmin", "rds_superuser", "admin", "template0",
                                           "template1"};
  const std::string lowered = name_of(name);
  if (lowered.starts_with("pg_") || std::ranges::find(reserved, lowered) != std::end(reserved))
    return invalid_value(fmt::format(
        "{} {} cannot be used as it is a reserved word used by the engine", member, name));
  return {};
}

Result<void> check_password(std::string_view password) {
  const auto invalid = [](std::string_view why) {
    return invalid_value(
        fmt::format("The parameter MasterUserPassword is not a valid password{}", why));
  };
  if (password.empty())
    return invalid_value(
        "The parameter MasterUserPassword must be provided and must not be blank.");
  if (password.size() < password_min) return invalid(" because it is shorter than 8 characters.");
  if (password.size() > password_max) return invalid(" because it is longer than 128 characters.");
  for (const char c : password)
    if (c <= ' ' || c > '~' || c == '/' || c == '@' || c == '"')
      return invalid(". Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.");
  return {};
}

Result<void> check_parameters(const json::object& input) {
  const std::string parameters = text(input, "DBClusterParameterGroupName");
  if (parameters.empty() || parameters.starts_with("default.")) return {};
  return fail("DBClusterParameterGroupNotFoundFault",
              fmt::format("DBClusterParameterGroup not found: {}. kiban has the default ones only",
                          parameters));
}

Result<void> check_create(const json::object& input) {
  KIBAN_TRY_VOID(check_engine(input));
  KIBAN_TRY_VOID(check_engine_version(text(input, "EngineVersion", version_default)));
  if (text(input, "EngineMode", "provisioned") != "provisioned")
    return invalid_value(fmt::format("kiban knows the EngineMode provisioned only, not '{}'",
                                     text(input, "EngineMode")));
  if (text(input, "NetworkType", "IPV4") != "IPV4")
    return invalid_value("kiban knows the NetworkType IPV4 only");
  KIBAN_TRY_VOID(check_parameters(input));
  KIBAN_TRY_VOID(check_cluster_values(input, {}));
  const std::int64_t port = number(input, "Port", port_default);
  if (port < 1150 || port > 65535)
    return invalid_value(fmt::format("Invalid Port: {}. It must be from 1150 to 65535", port));
  return {};
}

Result<void> check_free(const Context& context, std::string_view id) {
  if (!get_json(context, row_key(context, "cluster", name_of(id)))) return {};
  return fail("DBClusterAlreadyExistsFault", "DB Cluster already exists");
}

// The server's work, by the cluster's resource id.
void run_server(Context& context, const json::object& row) {
  const json::object& own = row.at("Kiban").as_object();
  json::object payload{{"Key", row_key(context, "cluster", text(row, "DBClusterIdentifier"))},
                       {"Directory", row.at("DbClusterResourceId")},
                       {"Database", text(row, "DatabaseName")},
                       {"User", row.at("MasterUsername")},
                       {"Password", own.at("Password")}};
  copy_members(payload, own, {"Port", "Restore"});
  context.perform({.service = "rds",
                   .kind = "postgres.run",
                   .id = text(row, "DbClusterResourceId"),
                   .payload = std::move(payload)});
}

void ask_server(Context& context, const json::object& row, std::string_view what,
                json::object payload) {
  payload["Key"] = row_key(context, "cluster", text(row, "DBClusterIdentifier"));
  payload["Directory"] = row.at("DbClusterResourceId");
  context.perform({.service = "rds",
                   .kind = fmt::format("postgres.{}", what),
                   .id = fmt::format("{}/{}", text(row, "DbClusterResourceId"), what),
                   .payload = std::move(payload)});
}

json::array security_groups(const json::object& input) {
  const json::array* ids = find_array(input, "VpcSecurityGroupIds");
  json::array groups;
  for (const json::value& id : ids ? *ids : json::array{})
    groups.push_back({{"VpcSecurityGroupId", id}, {"Status", "active"}});
  return groups;
}

Result<json::object> subnet_group(const Context& context, std::string_view name) {
  auto row = get_json(context, row_key(context, "subgrp", name_of(name)));
  if (row) return *std::move(row);
  return fail("DBSubnetGroupNotFoundFault",
              fmt::format("DB subnet group '{}' does not exist.", name));
}

json::array zones_of(const Context& context, const json::object& group) {
  json::array zones;
  const json::array* subnets = find_array(group, "Subnets");
  for (const json::value& subnet : subnets ? *subnets : json::array{}) {
    const json::value& zone = subnet.at("SubnetAvailabilityZone").at("Name");
    if (std::ranges::find(zones, zone) == zones.end()) zones.push_back(zone);
  }
  if (zones.empty())
    for (const char letter : {'a', 'c', 'd'})
      zones.emplace_back(fmt::format("{}{}", context.caller().region, letter));
  return zones;
}

void name_endpoints(Context& context, json::object& row, const RdsOptions& options) {
  const std::string id = text(row, "DBClusterIdentifier");
  const std::string suffix = context.random().pick(small_letters, 12);
  const std::string& region = context.caller().region;
  const auto address = [&](std::string_view infix) {
    if (!options.endpoint_host.empty()) return options.endpoint_host;
    return fmt::format("{}.{}{}.{}.rds.amazonaws.com", id, infix, suffix, region);
  };
  row["Endpoint"] = address("cluster-");
  row["ReaderEndpoint"] = address("cluster-ro-");
  row["Kiban"].as_object()["InstanceSuffix"] =
      options.endpoint_host.empty() ? fmt::format(".{}.{}.rds.amazonaws.com", suffix, region)
                                    : std::string();
  row["Kiban"].as_object()["EndpointHost"] = options.endpoint_host;
}

// What creation and restore share. `from` names engine, version, user and database.
Result<json::object> new_cluster(Context& context, const json::object& input,
                                 const json::object& from, const RdsOptions& options) {
  const std::string id = name_of(text(input, "DBClusterIdentifier"));
  json::object group;
  if (input.contains("DBSubnetGroupName")) {
    KIBAN_TRY(group, subnet_group(context, text(input, "DBSubnetGroupName")));
  }
  const std::string version =
      text(input, "EngineVersion", text(from, "EngineVersion", version_default));
  json::object row{
      {"DBClusterIdentifier", id},
      {"DBClusterArn", make_arn(context, "rds", "cluster:" + id)},
      {"DbClusterResourceId", "cluster-" + context.random().pick(letters_and_digits, 26)},
      {"Status", "creating"},
      {"Engine", postgres_engine},
      {"EngineVersion", version},
      {"EngineMode", "provisioned"},
      {"MasterUsername", text(from, "MasterUsername")},
      {"AllocatedStorage", 1},
      {"BackupRetentionPeriod", 1},
      {"DBClusterParameterGroup", fmt::format("default.aurora-postgresql{}", version.substr(0, 2))},
      {"DBSubnetGroup", group.empty() ? "default" : text(group, "DBSubnetGroupName")},
      {"AvailabilityZones", zones_of(context, group)},
      {"MultiAZ", false},
      {"DBClusterMembers", json::array{}},
      {"VpcSecurityGroups", security_groups(input)},
      {"StorageEncrypted", false},
      {"DeletionProtection", false},
      {"CopyTagsToSnapshot", false},
      {"HttpEndpointEnabled", false},
      {"IAMDatabaseAuthenticationEnabled", false},
      {"AutoMinorVersionUpgrade", true},
      {"NetworkType", "IPV4"},
      {"ClusterCreateTime", epoch_seconds(context.now())},
      {"TagList", tags_of(input)},
      {"Kiban", json::object{}}};
  if (const std::string database = text(from, "DatabaseName"); !database.empty())
    row["DatabaseName"] = database;
  copy_members(row, input,
               {"AvailabilityZones", "BackupRetentionPeriod", "StorageEncrypted", "KmsKeyId",
                "DeletionProtection", "CopyTagsToSnapshot", "PreferredBackupWindow",
                "PreferredMaintenanceWindow", "ServerlessV2ScalingConfiguration", "StorageType",
                "AutoMinorVersionUpgrade"});
  if (row["AvailabilityZones"].as_array().empty())
    row["AvailabilityZones"] = zones_of(context, group);
  if (const json::value* exports = find(input, "EnableCloudwatchLogsExports"))
    row["EnabledCloudwatchLogsExports"] = *exports;
  if (number(input, "Port", port_default) != port_default)
    row["Kiban"].as_object()["Port"] = number(input, "Port", port_default);
  name_endpoints(context, row, options);
  return row;
}

json::object cluster_reply(const json::object& row) { return {{"DBCluster", described(row)}}; }

void keep_snapshot(Context& context, const json::object& cluster, std::string_view id) {
  json::object snapshot{
      {"DBClusterSnapshotIdentifier", id},
      {"DBClusterSnapshotArn", make_arn(context, "rds", fmt::format("cluster-snapshot:{}", id))},
      {"SnapshotCreateTime", epoch_seconds(context.now())},
      {"SnapshotType", "manual"},
      {"Status", "creating"},
      {"PercentProgress", 0},
      {"TagList", flag(cluster, "CopyTagsToSnapshot") ? cluster.at("TagList") : json::array{}},
      {"Kiban",
       {{"Directory", fmt::format("snapshots/{}", text(cluster, "DbClusterResourceId"))},
        {"Password", cluster.at("Kiban").at("Password")},
        {"DatabaseName", text(cluster, "DatabaseName")}}}};
  copy_members(
      snapshot, cluster,
      {"AvailabilityZones", "DBClusterIdentifier", "Engine", "EngineMode", "EngineVersion",
       "AllocatedStorage", "Port", "ClusterCreateTime", "MasterUsername", "StorageEncrypted",
       "KmsKeyId", "DbClusterResourceId", "IAMDatabaseAuthenticationEnabled"});
  put_json(context, row_key(context, "cluster-snapshot", id), snapshot);
}

Result<std::string> check_final_snapshot(const Context& context, const json::object& input) {
  std::string snapshot = text(input, "FinalDBSnapshotIdentifier");
  if (flag(input, "SkipFinalSnapshot")) {
    if (snapshot.empty()) return snapshot;
    return fail("InvalidParameterCombination",
                "FinalDBSnapshotIdentifier can't be specified when SkipFinalSnapshot is true.");
  }
  if (snapshot.empty())
    return fail("InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.");
  KIBAN_TRY_VOID(check_identifier("FinalDBSnapshotIdentifier", snapshot));
  if (!get_json(context, row_key(context, "cluster-snapshot", name_of(snapshot))))
    return name_of(snapshot);
  return fail("DBClusterSnapshotAlreadyExistsFault",
              fmt::format("Cannot create the cluster snapshot because one with the identifier {} "
                          "already exists.",
                          snapshot));
}

}  // namespace

Result<json::object> load_cluster(const Context& context, std::string_view id) {
  auto row = get_json(context, row_key(context, "cluster", name_of(id)));
  if (row) return *std::move(row);
  return fail("DBClusterNotFoundFault", fmt::format("DBCluster {} not found.", name_of(id)));
}

void save_cluster(Context& context, const json::object& row) {
  put_json(context, row_key(context, "cluster", text(row, "DBClusterIdentifier")), row);
}

Result<json::object> create_cluster(Context& context, const json::object& input,
                                    const RdsOptions& options) {
  KIBAN_TRY_VOID(refuse_unknown("CreateDBCluster", input,
                                {"AvailabilityZones",
                                 "BackupRetentionPeriod",
                                 "DatabaseName",
                                 "DBClusterIdentifier",
                                 "DBClusterParameterGroupName",
                                 "VpcSecurityGroupIds",
                                 "DBSubnetGroupName",
                                 "Engine",
                                 "EngineVersion",
                                 "EngineMode",
                                 "Port",
                                 "MasterUsername",
                                 "MasterUserPassword",
                                 "PreferredBackupWindow",
                                 "PreferredMaintenanceWindow",
                                 "Tags",
                                 "StorageEncrypted",
                                 "KmsKeyId",
                                 "EnableCloudwatchLogsExports",
                                 "DeletionProtection",
                                 "CopyTagsToSnapshot",
                                 "ServerlessV2ScalingConfiguration",
                                 "StorageType",
                                 "NetworkType",
                                 "AutoMinorVersionUpgrade"}));
  KIBAN_TRY_VOID(check_create(input));
  KIBAN_TRY_VOID(check_free(context, text(input, "DBClusterIdentifier")));
  const std::string user = text(input, "MasterUsername");
  if (user.empty())
    return invalid_value("The parameter MasterUsername must be provided and must not be blank.");
  KIBAN_TRY_VOID(check_name("MasterUsername", user));
  KIBAN_TRY_VOID(check_password(text(input, "MasterUserPassword")));
  if (input.contains("DatabaseName"))
    KIBAN_TRY_VOID(check_name("DatabaseName", text(input, "DatabaseName")));
  KIBAN_TRY(json::object row, new_cluster(context, input, input, options));
  row["Kiban"].as_object()["Password"] = input.at("MasterUserPassword");
  save_cluster(context, row);
  run_server(context, row);
  return cluster_reply(row);
}

// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html
Result<json::object> restore_cluster(Context& context, const json::object& input,
                                     const RdsOptions& options) {
  KIBAN_TRY_VOID(refuse_unknown(
      "RestoreDBClusterFromSnapshot", input,
      {"AvailabilityZones", "DBClusterIdentifier", "SnapshotIdentifier", "Engine", "EngineVersion",
       "EngineMode", "Port", "DBSubnetGroupName", "VpcSecurityGroupIds", "Tags", "KmsKeyId",
       "EnableCloudwatchLogsExports", "DeletionProtection", "CopyTagsToSnapshot",
       "ServerlessV2ScalingConfiguration", "DBClusterParameterGroupName", "StorageType",
       "NetworkType"}));
  KIBAN_TRY_VOID(check_create(input));
  KIBAN_TRY_VOID(check_free(context, text(input, "DBClusterIdentifier")));
  const std::string id = name_of(text(input, "SnapshotIdentifier"));
  const auto snapshot = get_json(context, row_key(context, "cluster-snapshot", id));
  if (!snapshot)
    return fail("DBClusterSnapshotNotFoundFault",
                fmt::format("DBClusterSnapshot not found: {}", id));
  if (text(*snapshot, "Status") != "available")
    return fail("InvalidDBClusterSnapshotStateFault",
                fmt::format("DBClusterSnapshot {} is {}", id, text(*snapshot, "Status")));
  const json::object& kept = snapshot->at("Kiban").as_object();
  json::object from = described(*snapshot);
  from["DatabaseName"] = kept.at("DatabaseName");
  KIBAN_TRY(json::object row, new_cluster(context, input, from, options));
  row["StorageEncrypted"] = flag(*snapshot, "StorageEncrypted");
  row["Kiban"].as_object()["Password"] = kept.at("Password");
  row["Kiban"].as_object()["Restore"] = kept.at("Directory");
  save_cluster(context, row);
  run_server(context, row);
  return cluster_reply(row);
}

Result<json::object> modify_cluster(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unknown(
      "ModifyDBCluster", input,
      {"DBClusterIdentifier", "DBClusterParameterGroupName", "ApplyImmediately",
       "BackupRetentionPeriod", "VpcSecurityGroupIds", "MasterUserPassword",
       "PreferredBackupWindow", "PreferredMaintenanceWindow", "CloudwatchLogsExportConfiguration",
       "EngineVersion", "DeletionProtection", "CopyTagsToSnapshot",
       "ServerlessV2ScalingConfiguration", "AutoMinorVersionUpgrade"}));
  KIBAN_TRY(json::object row, load_cluster(context, text(input, "DBClusterIdentifier")));
  const std::string version = text(input, "EngineVersion", text(row, "EngineVersion"));
  KIBAN_TRY_VOID(check_engine_version(version));
  KIBAN_TRY_VOID(check_parameters(input));
  KIBAN_TRY_VOID(check_cluster_values(input, row));
  if (text(row, "Status") == "deleting") return invalid_state(row, "available");
  if (version.substr(0, 2) != text(row, "EngineVersion").substr(0, 2))
    return fail("InvalidParameterCombination",
                "kiban does not upgrade major versions: create a new cluster and move the data");
  if (input.contains("MasterUserPassword")) {
    KIBAN_TRY_VOID(check_password(text(input, "MasterUserPassword")));
    if (text(row, "Status") != "available") return invalid_state(row, "available");
    row["Kiban"].as_object()["Password"] = input.at("MasterUserPassword");
    row["Status"] = "resetting-master-credentials";
    ask_server(context, row, "password",
               {{"User", row.at("MasterUsername")}, {"Password", input.at("MasterUserPassword")}});
  }
  copy_members(row, input,
               {"BackupRetentionPeriod", "PreferredBackupWindow", "PreferredMaintenanceWindow",
                "EngineVersion", "DeletionProtection", "CopyTagsToSnapshot",
                "ServerlessV2ScalingConfiguration", "AutoMinorVersionUpgrade"});
  if (input.contains("VpcSecurityGroupIds")) row["VpcSecurityGroups"] = security_groups(input);
  if (const json::object* logs = find_object(input, "CloudwatchLogsExportConfiguration")) {
    json::array types;
    const json::array* before = find_array(row, "EnabledCloudwatchLogsExports");
    const json::array* off = find_array(*logs, "DisableLogTypes");
    for (const json::value& type : before ? *before : json::array{})
      if (!off || std::ranges::find(*off, type) == off->end()) types.push_back(type);
    const json::array* on = find_array(*logs, "EnableLogTypes");
    for (const json::value& type : on ? *on : json::array{})
      if (std::ranges::find(types, type) == types.end()) types.push_back(type);
    row["EnabledCloudwatchLogsExports"] = std::move(types);
  }
  save_cluster(context, row);
  return cluster_reply(row);
}

// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBCluster.html
Result<json::object> delete_cluster(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_cluster(context, text(input, "DBClusterIdentifier")));
  const std::string status = text(row, "Status");
  if (status == "deleting") return invalid_state(row, "available");
  if (flag(row, "DeletionProtection"))
    return fail(
        "InvalidParameterCombination",
        "Cannot delete protected Cluster, please disable deletion protection and try again.");
  if (!row.at("DBClusterMembers").as_array().empty())
    return fail("InvalidDBClusterStateFault",
                "Cluster cannot be deleted, it still contains DB instances in non-deleting state.");
  KIBAN_TRY(const std::string snapshot, check_final_snapshot(context, input));
  json::object payload;
  if (!snapshot.empty()) {
    if (status != "available" && status != "stopped") return invalid_state(row, "available");
    keep_snapshot(context, row, snapshot);
    payload["Snapshot"] = fmt::format("snapshots/{}", text(row, "DbClusterResourceId"));
    payload["SnapshotKey"] = row_key(context, "cluster-snapshot", snapshot);
  }
  row["Status"] = "deleting";
  save_cluster(context, row);
  ask_server(context, row, "delete", std::move(payload));
  return cluster_reply(row);
}

Result<json::object> describe_clusters(Context& context, const json::object& input) {
  return list_rows(context, input,
                   {.kind = "cluster",
                    .member = "DBClusters",
                    .name = text(input, "DBClusterIdentifier"),
                    .missing = "DBClusterNotFoundFault"},
                   [](const Context&, const json::object& row) { return described(row); });
}

Result<json::object> start_cluster(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_cluster(context, text(input, "DBClusterIdentifier")));
  if (text(row, "Status") != "stopped") return invalid_state(row, "stopped");
  row["Status"] = "starting";
  save_cluster(context, row);
  run_server(context, row);
  return cluster_reply(row);
}

Result<json::object> stop_cluster(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_cluster(context, text(input, "DBClusterIdentifier")));
  if (text(row, "Status") != "available") return invalid_state(row, "available");
  row["Status"] = "stopping";
  save_cluster(context, row);
  ask_server(context, row, "stop", {});
  return cluster_reply(row);
}

Result<json::object> describe_snapshots(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unknown(
      "DescribeDBClusterSnapshots", input,
      {"DBClusterIdentifier", "DBClusterSnapshotIdentifier", "Filters", "MaxRecords", "Marker"}));
  json::object query = input;
  if (const std::string cluster = text(input, "DBClusterIdentifier"); !cluster.empty()) {
    json::array filters =
        find_array(input, "Filters") ? *find_array(input, "Filters") : json::array{};
    filters.push_back({{"Name", "db-cluster-id"}, {"Values", {cluster}}});
    query["Filters"] = std::move(filters);
  }
  return list_rows(context, query,
                   {.kind = "cluster-snapshot",
                    .member = "DBClusterSnapshots",
                    .name = text(input, "DBClusterSnapshotIdentifier"),
                    .missing = "DBClusterSnapshotNotFoundFault"},
                   [](const Context&, const json::object& row) { return described(row); });
}

Result<json::object> delete_snapshot(Context& context, const json::object& input) {
  const std::string id = name_of(text(input, "DBClusterSnapshotIdentifier"));
  const std::string key = row_key(context, "cluster-snapshot", id);
  auto row = get_json(context, key);
  if (!row)
    return fail("DBClusterSnapshotNotFoundFault",
                fmt::format("DBClusterSnapshot not found: {}", id));
  if (text(*row, "Status") != "available")
    return fail("InvalidDBClusterSnapshotStateFault",
                fmt::format("DBClusterSnapshot {} is {}", id, text(*row, "Status")));
  for (const json::object& cluster : list_json(context, row_key(context, "cluster", "")))
    if (text(cluster.at("Kiban").as_object(), "Restore") ==
            text(row->at("Kiban").as_object(), "Directory") &&
        text(cluster, "Status") == "creating")
      return fail("InvalidDBClusterSnapshotStateFault",
                  fmt::format("DBClusterSnapshot {} is being restored", id));
  context.erase(key);
  const std::string directory = text(row->at("Kiban").as_object(), "Directory");
  context.perform({.service = "rds",
                   .kind = "postgres.delete",
                   .id = directory,
                   .payload = {{"Directory", directory}}});
  (*row)["Status"] = "deleted";
  return json::object{{"DBClusterSnapshot", described(*row)}};
}

namespace {

// To /aws/rds/cluster/NAME/postgresql, a stream for the writer.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.CloudWatch.html
void write_logs(Context& context, const json::object& row, const json::array& lines) {
  const json::array* exports = find_array(row, "EnabledCloudwatchLogsExports");
  if (!exports || std::ranges::find(*exports, json::value("postgresql")) == exports->end()) return;
  json::array events;
  for (const json::value& line : lines)
    events.push_back({{"timestamp", line.at("Timestamp")}, {"message", line.at("Message")}});
  const std::string name = text(row, "DBClusterIdentifier");
  const json::array& members = row.at("DBClusterMembers").as_array();
  const std::string stream =
      members.empty() ? name : text(members.front().as_object(), "DBInstanceIdentifier") + ".0";
  const std::string group = fmt::format("/aws/rds/cluster/{}/postgresql", name);
  const json::object place{{"logGroupName", group}, {"logStreamName", stream}};
  Caller rds = context.caller();
  if (const auto arn = parse_arn(text(row, "DBClusterArn"))) {
    rds.account = arn->account;
    rds.region = arn->region;
  }
  rds.arn = "rds.amazonaws.com";
  // Those that exist already stay.
  (void)context.call("logs", "CreateLogGroup", {{"logGroupName", group}}, rds);
  (void)context.call("logs", "CreateLogStream", place, rds);
  json::object put = place;
  put["logEvents"] = std::move(events);
  (void)context.call("logs", "PutLogEvents", put, rds);
}

void on_run(Context& context, json::object& row, const json::object& told) {
  if (const json::array* lines = find_array(told, "Logs")) return write_logs(context, row, *lines);
  const std::string status = text(row, "Status");
  if (text(told, "Status") == "ended") return;
  const bool waits = status == "creating" || status == "starting";
  if (!waits && status != "available" && status != "failed" &&
      status != "resetting-master-credentials")
    return;
  if (text(told, "Status") != "available") {
    row["Status"] = "failed";
    record_event(context, "cluster", row, "failure",
                 fmt::format("The PostgreSQL server can't run: {}", text(told, "Cause")));
    save_cluster(context, row);
    return;
  }
  if (status == "creating")
    record_event(context, "cluster", row, "creation", "DB cluster created");
  else if (status == "starting")
    record_event(context, "cluster", row, "notification", "DB cluster started");
  else if (status == "failed")
    record_event(context, "cluster", row, "recovery", "The PostgreSQL server runs again");
  if (status != "resetting-master-credentials") row["Status"] = "available";
  row["Port"] = told.at("Port");
  save_cluster(context, row);
}

void on_deleted(Context& context, const json::object& payload, const json::object& row) {
  record_event(context, "cluster", row, "deletion", "DB cluster deleted");
  context.erase(text(payload, "Key"));
  const std::string key = text(payload, "SnapshotKey");
  auto snapshot = key.empty() ? std::nullopt : get_json(context, key);
  if (!snapshot) return;
  (*snapshot)["Status"] = "available";
  (*snapshot)["PercentProgress"] = 100;
  put_json(context, key, *snapshot);
}

}  // namespace

void on_server_outcome(Context& context, std::string_view kind, const json::object& payload,
                       const Outcome& outcome) {
  auto row = get_json(context, text(payload, "Key"));
  if (!row || row->at("DbClusterResourceId") != payload.at("Directory")) return;
  const std::string status = text(outcome.payload, "Status");
  if (kind == "postgres.run") return on_run(context, *row, outcome.payload);
  if (status == "deleted") return on_deleted(context, payload, *row);
  if (status == "stopped") {
    (*row)["Status"] = "stopped";
    record_event(context, "cluster", *row, "notification", "DB cluster stopped");
  } else if (status == "changed") {
    if (text(*row, "Status") == "resetting-master-credentials") (*row)["Status"] = "available";
    record_event(context, "cluster", *row, "configuration change", "Reset master credentials");
  } else if (outcome.payload.contains("Error")) {
    if (text(*row, "Status") == "resetting-master-credentials") (*row)["Status"] = "available";
    record_event(context, "cluster", *row, "failure",
                 fmt::format("{}: {}", kind, text(outcome.payload, "Cause")));
  }
  put_json(context, text(payload, "Key"), *row);
}

}  // namespace kiban::services::rds
