#include "services/rds/instances.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/rds/checks.h"
#include "services/rds/clusters.h"

namespace kiban::services::rds {
namespace {

constexpr std::string_view letters_and_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// What an instance shows of its cluster, which has the only server.
json::object describe_instance(const Context& context, const json::object& row) {
  json::object out = described(row);
  const auto cluster = load_cluster(context, text(row, "DBClusterIdentifier"));
  if (!cluster) return out;
  const json::object& own = cluster->at("Kiban").as_object();
  out["DBInstanceStatus"] = cluster->at("Status");
  if (const json::value* port = find(*cluster, "Port")) {
    const std::string host = text(own, "EndpointHost");
    out["Endpoint"] = {
        {"Address",
         host.empty() ? text(row, "DBInstanceIdentifier") + text(own, "InstanceSuffix") : host},
        {"Port", *port}};
  }
  copy_members(out, *cluster,
               {"EngineVersion", "MasterUsername", "VpcSecurityGroups", "StorageEncrypted",
                "KmsKeyId", "BackupRetentionPeriod", "PreferredBackupWindow",
                "EnabledCloudwatchLogsExports", "NetworkType"});
  if (const json::value* database = find(*cluster, "DatabaseName")) out["DBName"] = *database;
  if (const auto group =
          get_json(context, row_key(context, "subgrp", text(*cluster, "DBSubnetGroup")))) {
    out["DBSubnetGroup"] = described(*group);
    out["DBSubnetGroup"].as_object().erase("TagList");
  }
  return out;
}

Result<json::object> load_instance(const Context& context, const json::object& input) {
  const std::string id = name_of(text(input, "DBInstanceIdentifier"));
  auto row = get_json(context, row_key(context, "db", id));
  if (row) return *std::move(row);
  return fail("DBInstanceNotFoundFault", fmt::format("DBInstance {} not found.", id));
}

void save_instance(Context& context, const json::object& row) {
  put_json(context, row_key(context, "db", text(row, "DBInstanceIdentifier")), row);
}

// The first one made writes; when it goes, the next one does.
void name_writer(json::object& cluster) {
  bool writes = true;
  for (json::value& member : cluster["DBClusterMembers"].as_array())
    member.as_object()["IsClusterWriter"] = std::exchange(writes, false);
}

struct Network {
  std::string vpc{};
  json::array subnets{};
};

Result<Network> find_subnets(Context& context, const json::object& input) {
  const auto found = context.call("ec2", "DescribeSubnets", {{"SubnetIds", input.at("SubnetIds")}},
                                  context.caller());
  if (!found && found.error().name.starts_with("InvalidSubnetID"))
    return fail("InvalidSubnet", found.error().cause);
  if (!found) return std::unexpected(found.error());
  Network network;
  json::array zones;
  for (const json::value& value : found->at("Subnets").as_array()) {
    const json::object& subnet = value.as_object();
    const std::string vpc = text(subnet, "VpcId");
    if (!network.vpc.empty() && network.vpc != vpc)
      return fail("InvalidSubnet", "The subnets are not all in one VPC.");
    network.vpc = vpc;
    const json::value& zone = subnet.at("AvailabilityZone");
    if (std::ranges::find(zones, zone) == zones.end()) zones.push_back(zone);
    network.subnets.push_back({{"SubnetIdentifier", subnet.at("SubnetId")},
                               {"SubnetAvailabilityZone", {{"Name", zone}}},
                               {"SubnetOutpost", json::object{}},
                               {"SubnetStatus", "Active"}});
  }
  if (zones.size() >= 2) return network;
  return fail(
      "DBSubnetGroupDoesNotCoverEnoughAZs",
      fmt::format("The DB subnet group doesn't meet Availability Zone (AZ) coverage "
                  "requirement. Current AZ coverage: {}. Add subnets to cover at least 2 "
                  "AZs.",
                  zones.empty() ? std::string("none") : to_string(zones.front().as_string())));
}

json::object describe_group(const Context&, const json::object& row) {
  json::object out = described(row);
  out.erase("TagList");
  return out;
}

Result<json::object> load_group(const Context& context, const json::object& input) {
  const std::string name = text(input, "DBSubnetGroupName");
  auto row = get_json(context, row_key(context, "subgrp", name_of(name)));
  if (row) return *std::move(row);
  return fail("DBSubnetGroupNotFoundFault",
              fmt::format("DB subnet group '{}' does not exist.", name));
}

}  // namespace

Result<json::object> create_instance(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(
      refuse_unknown("CreateDBInstance", input,
                     {"DBInstanceIdentifier", "DBInstanceClass", "Engine", "EngineVersion",
                      "DBClusterIdentifier", "PromotionTier", "Tags", "PubliclyAccessible",
                      "AutoMinorVersionUpgrade", "CopyTagsToSnapshot", "AvailabilityZone",
                      "PreferredMaintenanceWindow", "CACertificateIdentifier"}));
  KIBAN_TRY_VOID(check_engine(input));
  if (!input.contains("DBClusterIdentifier"))
    return fail("InvalidParameterCombination",
                "kiban runs instances of Aurora clusters only: name a DBClusterIdentifier");
  const std::string id = name_of(text(input, "DBInstanceIdentifier"));
  if (get_json(context, row_key(context, "db", id)))
    return fail("DBInstanceAlreadyExistsFault", "DB instance already exists");
  KIBAN_TRY(json::object cluster, load_cluster(context, text(input, "DBClusterIdentifier")));
  if (const std::string status = text(cluster, "Status"); status == "deleting")
    return fail("InvalidDBClusterStateFault",
                fmt::format("DbCluster {} is {}", text(cluster, "DBClusterIdentifier"), status));
  const std::string version = text(cluster, "EngineVersion");
  KIBAN_TRY_VOID(check_instance_values(input, version));
  if (text(input, "EngineVersion", version) != version)
    return fail("InvalidParameterCombination",
                fmt::format("The engine version that you requested for your DB instance ({}) does "
                            "not match the engine version of your DB cluster ({}).",
                            text(input, "EngineVersion"), version));
  json::object row{{"DBInstanceIdentifier", id},
                   {"DBInstanceArn", make_arn(context, "rds", "db:" + id)},
                   {"DbiResourceId", "db-" + context.random().pick(letters_and_digits, 26)},
                   {"DBInstanceClass", input.at("DBInstanceClass")},
                   {"DBInstanceStatus", "creating"},
                   {"Engine", postgres_engine},
                   {"DBClusterIdentifier", cluster.at("DBClusterIdentifier")},
                   {"InstanceCreateTime", epoch_seconds(context.now())},
                   {"AllocatedStorage", 1},
                   {"AvailabilityZone", cluster.at("AvailabilityZones").as_array().front()},
                   {"MultiAZ", false},
                   {"AutoMinorVersionUpgrade", true},
                   {"LicenseModel", "postgresql-license"},
                   {"PubliclyAccessible", false},
                   {"StorageType", "aurora"},
                   {"CACertificateIdentifier", "rds-ca-rsa2048-g1"},
                   {"CopyTagsToSnapshot", false},
                   {"MonitoringInterval", 0},
                   {"PromotionTier", 1},
                   {"IAMDatabaseAuthenticationEnabled", false},
                   {"PerformanceInsightsEnabled", false},
                   {"DeletionProtection", false},
                   {"TagList", tags_of(input)}};
  copy_members(
      row, input,
      {"PromotionTier", "PubliclyAccessible", "AutoMinorVersionUpgrade", "CopyTagsToSnapshot",
       "AvailabilityZone", "PreferredMaintenanceWindow", "CACertificateIdentifier"});
  save_instance(context, row);
  cluster["DBClusterMembers"].as_array().push_back({{"DBInstanceIdentifier", id},
                                                    {"IsClusterWriter", false},
                                                    {"DBClusterParameterGroupStatus", "in-sync"},
                                                    {"PromotionTier", row.at("PromotionTier")}});
  name_writer(cluster);
  save_cluster(context, cluster);
  record_event(context, "db", row, "creation", "DB instance created");
  // On AWS it is made now; here the cluster's server already runs, or will be told of by it.
  json::object reply = describe_instance(context, row);
  reply["DBInstanceStatus"] = "creating";
  return json::object{{"DBInstance", std::move(reply)}};
}

Result<json::object> modify_instance(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unknown(
      "ModifyDBInstance", input,
      {"DBInstanceIdentifier", "DBInstanceClass", "ApplyImmediately", "PromotionTier",
       "AutoMinorVersionUpgrade", "CopyTagsToSnapshot", "PreferredMaintenanceWindow",
       "CACertificateIdentifier", "PubliclyAccessible"}));
  KIBAN_TRY(json::object row, load_instance(context, input));
  KIBAN_TRY(json::object cluster, load_cluster(context, text(row, "DBClusterIdentifier")));
  KIBAN_TRY_VOID(check_instance_values(input, text(cluster, "EngineVersion")));
  copy_members(row, input,
               {"DBInstanceClass", "PromotionTier", "AutoMinorVersionUpgrade", "CopyTagsToSnapshot",
                "PreferredMaintenanceWindow", "CACertificateIdentifier", "PubliclyAccessible"});
  save_instance(context, row);
  for (json::value& member : cluster["DBClusterMembers"].as_array())
    if (member.at("DBInstanceIdentifier") == row.at("DBInstanceIdentifier"))
      member.as_object()["PromotionTier"] = row.at("PromotionTier");
  save_cluster(context, cluster);
  return json::object{{"DBInstance", describe_instance(context, row)}};
}

Result<json::object> delete_instance(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_instance(context, input));
  // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html
  if (input.contains("FinalDBSnapshotIdentifier"))
    return fail("InvalidParameterCombination",
                "FinalDBSnapshotIdentifier can't be specified for an instance of a DB cluster.");
  json::object reply = describe_instance(context, row);
  reply["DBInstanceStatus"] = "deleting";
  context.erase(row_key(context, "db", text(row, "DBInstanceIdentifier")));
  KIBAN_TRY(json::object cluster, load_cluster(context, text(row, "DBClusterIdentifier")));
  json::array kept;
  for (const json::value& member : cluster["DBClusterMembers"].as_array())
    if (member.at("DBInstanceIdentifier") != row.at("DBInstanceIdentifier")) kept.push_back(member);
  cluster["DBClusterMembers"] = std::move(kept);
  name_writer(cluster);
  save_cluster(context, cluster);
  record_event(context, "db", row, "deletion", "DB instance deleted");
  return json::object{{"DBInstance", std::move(reply)}};
}

Result<json::object> describe_instances(Context& context, const json::object& input) {
  return list_rows(context, input,
                   {.kind = "db",
                    .member = "DBInstances",
                    .name = text(input, "DBInstanceIdentifier"),
                    .missing = "DBInstanceNotFoundFault"},
                   describe_instance);
}

Result<json::object> create_subnet_group(Context& context, const json::object& input) {
  const std::string name = name_of(text(input, "DBSubnetGroupName"));
  const bool valid = !name.empty() && name.size() <= 255 && name != "default" &&
                     std::ranges::all_of(name, [](char c) {
                       return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                              std::string_view("._- ").find(c) != std::string_view::npos;
                     });
  if (!valid)
    return fail("InvalidParameterValue",
                "The parameter DBSubnetGroupName must be provided and must not be blank, and may "
                "contain only letters, numbers, periods, underscores, spaces and hyphens.");
  if (get_json(context, row_key(context, "subgrp", name)))
    return fail("DBSubnetGroupAlreadyExistsFault",
                fmt::format("The DB subnet group '{}' already exists.", name));
  KIBAN_TRY(Network network, find_subnets(context, input));
  const json::object row{{"DBSubnetGroupName", name},
                         {"DBSubnetGroupDescription", input.at("DBSubnetGroupDescription")},
                         {"DBSubnetGroupArn", make_arn(context, "rds", "subgrp:" + name)},
                         {"VpcId", network.vpc},
                         {"SubnetGroupStatus", "Complete"},
                         {"Subnets", std::move(network.subnets)},
                         {"SupportedNetworkTypes", {"IPV4"}},
                         {"TagList", tags_of(input)}};
  put_json(context, row_key(context, "subgrp", name), row);
  return json::object{{"DBSubnetGroup", describe_group(context, row)}};
}

Result<json::object> modify_subnet_group(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_group(context, input));
  KIBAN_TRY(Network network, find_subnets(context, input));
  if (network.vpc != text(row, "VpcId"))
    return fail("InvalidSubnet", "The subnets are not in the VPC of the DB subnet group.");
  row["Subnets"] = std::move(network.subnets);
  copy_members(row, input, {"DBSubnetGroupDescription"});
  put_json(context, row_key(context, "subgrp", text(row, "DBSubnetGroupName")), row);
  return json::object{{"DBSubnetGroup", describe_group(context, row)}};
}

Result<json::object> delete_subnet_group(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_group(context, input));
  const std::string name = text(row, "DBSubnetGroupName");
  for (const json::object& cluster : list_json(context, row_key(context, "cluster", "")))
    if (text(cluster, "DBSubnetGroup") == name)
      return fail("InvalidDBSubnetGroupStateFault",
                  fmt::format("Cannot delete the subnet group '{}' because at least one database "
                              "cluster: {} is still using it.",
                              name, text(cluster, "DBClusterIdentifier")));
  context.erase(row_key(context, "subgrp", name));
  return json::object{};
}

Result<json::object> describe_subnet_groups(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unknown("DescribeDBSubnetGroups", input,
                                {"DBSubnetGroupName", "MaxRecords", "Marker"}));
  return list_rows(context, input,
                   {.kind = "subgrp",
                    .member = "DBSubnetGroups",
                    .name = text(input, "DBSubnetGroupName"),
                    .missing = "DBSubnetGroupNotFoundFault"},
                   describe_group);
}

}  // namespace kiban::services::rds
