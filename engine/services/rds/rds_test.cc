#include <gmock/gmock.h>

#include "services/ec2/service.h"
#include "services/logs/service.h"
#include "services/rds/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::rds {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::MatchesRegex;

// Keeps the events that the kernel offers to every service.
class Listener final : public Service {
 public:
  explicit Listener(std::shared_ptr<std::vector<Event>> heard) : heard_(std::move(heard)) {}
  std::string_view name() const override { return "listener"; }
  Result<json::object> call(Context&, std::string_view, const json::object&) override { return {}; }
  std::vector<std::string_view> event_sources() const override { return {"*"}; }
  void on_event(Context&, const Event& event) override { heard_->push_back(event); }

 private:
  std::shared_ptr<std::vector<Event>> heard_;
};

class Rds : public ServiceTest {
 protected:
  explicit Rds(const RdsOptions& options = {})
      : Rds(options, std::make_shared<std::vector<Event>>()) {}
  // The base class makes the services, so what they hear goes where it lives longer.
  Rds(const RdsOptions& options, const std::shared_ptr<std::vector<Event>>& heard)
      : ServiceTest("rds", {ec2::make_ec2, logs::make_logs, [options] { return make_rds(options); },
                            [heard] { return std::make_unique<Listener>(heard); }}),
        heard_(*heard) {}
  static json::object plan(const json::object& more = {}) {
    json::object input{{"DBClusterIdentifier", "Main"}, {"Engine", "aurora-postgresql"},
                       {"EngineVersion", "15.10"},      {"DatabaseName", "app"},
                       {"MasterUsername", "app_user"},  {"MasterUserPassword", "long-enough?!"}};
    for (const auto& [member, value] : more) input[member] = value;
    return input;
  }
  json::object cluster() {
    return call("DescribeDBClusters", {{"DBClusterIdentifier", "main"}})
        .at("DBClusters")
        .at(0)
        .as_object();
  }
  std::string status() { return text(cluster(), "Status"); }
  const std::vector<Event>& heard_;
  // The pending effect of that kind.
  std::optional<Effect> effect(std::string_view kind) const {
    for (const Effect& pending : kernel_->pending_effects())
      if (pending.kind == kind) return pending;
    return std::nullopt;
  }
  void report(std::string_view kind, bool final, json::object payload) {
    const auto pending = effect(kind);
    ASSERT_TRUE(pending) << "no effect " << kind << " is pending";
    kernel_->outcome("rds", {.id = pending->id, .final = final, .payload = std::move(payload)});
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  }
  void available() {
    report("postgres.run", false, {{"Status", "available"}, {"Port", 15432}, {"Version", "15.20"}});
  }
  void ended(const std::string& by, json::object payload) {
    report("postgres.run", true, {{"Status", "ended"}});
    report(by, true, std::move(payload));
  }
  std::vector<std::string> events() {
    std::vector<std::string> messages;
    const json::object reply = call("DescribeEvents", {});
    for (const json::value& event : reply.at("Events").as_array())
      messages.push_back(text(event.as_object(), "Message"));
    return messages;
  }
};

TEST_F(Rds, AClusterIsCreatingUntilItsServerRuns) {
  const json::object made = call("CreateDBCluster", plan()).at("DBCluster").as_object();
  EXPECT_EQ(text(made, "Status"), "creating");
  EXPECT_EQ(text(made, "DBClusterArn"), "arn:aws:rds:ap-northeast-1:000000000000:cluster:main");
  EXPECT_THAT(text(made, "Endpoint"),
              MatchesRegex("main\\.cluster-[a-z0-9]+\\.ap-northeast-1\\.rds\\.amazonaws\\.com"));
  EXPECT_FALSE(made.contains("Kiban"));
  const json::object payload = effect("postgres.run").value().payload;
  EXPECT_EQ(text(payload, "User"), "app_user");
  EXPECT_EQ(text(payload, "Password"), "long-enough?!");
  EXPECT_EQ(text(payload, "Database"), "app");
  EXPECT_FALSE(payload.contains("Port"));
  available();
  EXPECT_EQ(status(), "available");
  EXPECT_EQ(cluster().at("Port"), 15432);
  // Pending for as long as the cluster lives: performed again after a restart.
  EXPECT_TRUE(effect("postgres.run"));
  EXPECT_THAT(events(), testing::ElementsAre("DB cluster created"));
}

// CloudFormation waits for these events, so a deployment needs no timer, which a frozen clock
// holds.
TEST_F(Rds, AClusterThatBecomesAvailableIsAnEvent) {
  call("CreateDBCluster", plan());
  EXPECT_TRUE(heard_.empty());
  available();
  ASSERT_EQ(heard_.size(), 1);
  EXPECT_EQ(heard_[0].source, "aws.rds");
  EXPECT_EQ(heard_[0].detail_type, "RDS DB Cluster Event");
  EXPECT_EQ(heard_[0].resources, std::vector<std::string>{text(cluster(), "DBClusterArn")});
  EXPECT_EQ(text(heard_[0].detail, "SourceIdentifier"), "main");
  EXPECT_EQ(text(heard_[0].detail, "SourceType"), "CLUSTER");
}

TEST_F(Rds, AClusterOfAnotherRegionBecomesAvailableThere) {
  const auto ask = [&](const std::string& operation, json::object input) {
    Result<json::object> answer = fail("NoReply", "");
    kernel_->submit({.service = "rds",
                     .operation = operation,
                     .input = std::move(input),
                     .caller = {.region = "eu-west-1"},
                     .reply = [&](Result<json::object> reply) { answer = std::move(reply); }});
    EXPECT_TRUE(kernel_->run_batch(now_, ++seed_));
    return answer;
  };
  ASSERT_TRUE(ask("CreateDBCluster", plan()));
  available();
  const auto there = ask("DescribeDBClusters", {});
  ASSERT_TRUE(there);
  ASSERT_EQ(there->at("DBClusters").as_array().size(), 1);
  EXPECT_EQ(text(there->at("DBClusters").at(0).as_object(), "Status"), "available");
  EXPECT_TRUE(call("DescribeDBClusters", {}).at("DBClusters").as_array().empty());
}

TEST_F(Rds, AServerThatCannotRunTellsWhyAndMayComeBack) {
  call("CreateDBCluster", plan());
  report("postgres.run", false,
         {{"Status", "failed"}, {"Error", "PostgresMissing"}, {"Cause", "apt-get install it"}});
  EXPECT_EQ(status(), "failed");
  EXPECT_THAT(events(), testing::ElementsAre(HasSubstr("apt-get install it")));
  available();
  EXPECT_EQ(status(), "available");
}

TEST_F(Rds, RefusesWhatIsWrongByName) {
  const auto cause = [&](const json::object& more) {
    return refusal("CreateDBCluster", plan(more)).cause;
  };
  EXPECT_THAT(cause({{"Engine", "aurora-mysql"}}), HasSubstr("aurora-mysql"));
  EXPECT_THAT(cause({{"EngineVersion", "14.3"}}), HasSubstr("14.3"));
  EXPECT_THAT(cause({{"EngineVersion", "15.x"}}), HasSubstr("15.x"));
  EXPECT_THAT(cause({{"DBClusterIdentifier", "a--b"}}), HasSubstr("DBClusterIdentifier"));
  EXPECT_THAT(cause({{"DatabaseName", "a-b"}}), HasSubstr("DatabaseName"));
  EXPECT_THAT(cause({{"MasterUsername", "rdsadmin"}}), HasSubstr("reserved"));
  EXPECT_THAT(cause({{"MasterUsername", "pg_x"}}), HasSubstr("reserved"));
  EXPECT_THAT(cause({{"MasterUserPassword", "short"}}), HasSubstr("shorter than 8"));
  EXPECT_THAT(cause({{"MasterUserPassword", "with a space"}}), HasSubstr("printable ASCII"));
  EXPECT_THAT(cause({{"EnableHttpEndpoint", true}}), HasSubstr("EnableHttpEndpoint"));
  EXPECT_THAT(cause({{"ManageMasterUserPassword", true}}), HasSubstr("ManageMasterUserPassword"));
  EXPECT_EQ(refusal("CreateDBCluster", plan({{"DBSubnetGroupName", "none"}})).name,
            "DBSubnetGroupNotFoundFault");
  EXPECT_FALSE(effect("postgres.run"));
  call("CreateDBCluster", plan({{"EnableHttpEndpoint", false}}));
  EXPECT_EQ(refusal("CreateDBCluster", plan()).name, "DBClusterAlreadyExistsFault");
  EXPECT_EQ(refusal("DescribeDBClusters", {{"DBClusterIdentifier", "other"}}).name,
            "DBClusterNotFoundFault");
}

TEST_F(Rds, ANamedPortIsAskedForAndTheDefaultIsNot) {
  call("CreateDBCluster", plan({{"Port", 5432}}));
  EXPECT_FALSE(effect("postgres.run").value().payload.contains("Port"));
  call("CreateDBCluster", plan({{"DBClusterIdentifier", "other"}, {"Port", 6000}}));
  std::vector<json::value> ports;
  for (const Effect& pending : kernel_->pending_effects())
    if (const json::value* port = find(pending.payload, "Port")) ports.push_back(*port);
  EXPECT_THAT(ports, testing::ElementsAre(json::value(6000)));
}

TEST_F(Rds, InstancesAreFacesOfTheClustersServer) {
  call("CreateDBCluster", plan());
  for (const char* name : {"one", "two"})
    call("CreateDBInstance", {{"DBInstanceIdentifier", name},
                              {"DBInstanceClass", "db.serverless"},
                              {"Engine", "aurora-postgresql"},
                              {"DBClusterIdentifier", "main"}});
  const auto instance = [&] {
    return call("DescribeDBInstances", {{"DBInstanceIdentifier", "two"}})
        .at("DBInstances")
        .at(0)
        .as_object();
  };
  EXPECT_EQ(text(instance(), "DBInstanceStatus"), "creating");
  available();
  EXPECT_EQ(text(instance(), "DBInstanceStatus"), "available");
  EXPECT_EQ(instance().at("Endpoint").at("Port"), 15432);
  EXPECT_THAT(std::string(instance().at("Endpoint").at("Address").as_string()),
              testing::StartsWith("two."));
  EXPECT_EQ(cluster().at("DBClusterMembers").at(0).at("IsClusterWriter"), true);
  EXPECT_EQ(cluster().at("DBClusterMembers").at(1).at("IsClusterWriter"), false);
  EXPECT_EQ(
      refusal("DeleteDBCluster", {{"DBClusterIdentifier", "main"}, {"SkipFinalSnapshot", true}})
          .name,
      "InvalidDBClusterStateFault");
  call("DeleteDBInstance", {{"DBInstanceIdentifier", "one"}});
  EXPECT_EQ(cluster().at("DBClusterMembers").at(0).at("IsClusterWriter"), true);
  call("DeleteDBInstance", {{"DBInstanceIdentifier", "two"}});
  EXPECT_EQ(refusal("DescribeDBInstances", {{"DBInstanceIdentifier", "two"}}).name,
            "DBInstanceNotFoundFault");
  EXPECT_EQ(refusal("CreateDBInstance", {{"DBInstanceIdentifier", "lonely"},
                                         {"DBInstanceClass", "db.t3.medium"},
                                         {"Engine", "aurora-postgresql"}})
                .name,
            "InvalidParameterCombination");
}

TEST_F(Rds, DeletionKeepsItsRules) {
  call("CreateDBCluster", plan({{"DeletionProtection", true}}));
  available();
  const json::object skip{{"DBClusterIdentifier", "main"}, {"SkipFinalSnapshot", true}};
  EXPECT_EQ(refusal("DeleteDBCluster", skip).name, "InvalidParameterCombination");
  call("ModifyDBCluster", {{"DBClusterIdentifier", "main"}, {"DeletionProtection", false}});
  EXPECT_THAT(refusal("DeleteDBCluster", {{"DBClusterIdentifier", "main"}}).cause,
              HasSubstr("FinalDBSnapshotIdentifier"));
  EXPECT_EQ(text(call("DeleteDBCluster", skip).at("DBCluster").as_object(), "Status"), "deleting");
  EXPECT_EQ(refusal("DeleteDBCluster", skip).name, "InvalidDBClusterStateFault");
  EXPECT_FALSE(effect("postgres.delete").value().payload.contains("Snapshot"));
  ended("postgres.delete", {{"Status", "deleted"}});
  EXPECT_EQ(refusal("DescribeDBClusters", {{"DBClusterIdentifier", "main"}}).name,
            "DBClusterNotFoundFault");
  EXPECT_TRUE(kernel_->pending_effects().empty());
}

TEST_F(Rds, AFinalSnapshotBecomesAClusterAgain) {
  call("CreateDBCluster", plan());
  available();
  call("DeleteDBCluster", {{"DBClusterIdentifier", "main"}, {"FinalDBSnapshotIdentifier", "Last"}});
  const std::string kept = text(effect("postgres.delete").value().payload, "Snapshot");
  EXPECT_EQ(refusal("RestoreDBClusterFromSnapshot", {{"DBClusterIdentifier", "again"},
                                                     {"SnapshotIdentifier", "last"},
                                                     {"Engine", "aurora-postgresql"}})
                .name,
            "InvalidDBClusterSnapshotStateFault");
  ended("postgres.delete", {{"Status", "deleted"}});
  const json::object snapshot =
      call("DescribeDBClusterSnapshots", {{"DBClusterIdentifier", "main"}})
          .at("DBClusterSnapshots")
          .at(0)
          .as_object();
  EXPECT_EQ(text(snapshot, "Status"), "available");
  EXPECT_FALSE(snapshot.contains("Kiban"));
  call("RestoreDBClusterFromSnapshot", {{"DBClusterIdentifier", "again"},
                                        {"SnapshotIdentifier", "last"},
                                        {"Engine", "aurora-postgresql"}});
  const json::object payload = effect("postgres.run").value().payload;
  EXPECT_EQ(text(payload, "Restore"), kept);
  EXPECT_EQ(text(payload, "User"), "app_user");
  EXPECT_EQ(text(payload, "Password"), "long-enough?!");
  // Not while its files are being copied.
  EXPECT_EQ(refusal("DeleteDBClusterSnapshot", {{"DBClusterSnapshotIdentifier", "last"}}).name,
            "InvalidDBClusterSnapshotStateFault");
  available();
  call("DeleteDBClusterSnapshot", {{"DBClusterSnapshotIdentifier", "last"}});
  EXPECT_EQ(text(effect("postgres.delete").value().payload, "Directory"), kept);
}

TEST_F(Rds, StopsAndStartsWithTheSamePassword) {
  call("CreateDBCluster", plan());
  available();
  call("ModifyDBCluster", {{"DBClusterIdentifier", "main"}, {"MasterUserPassword", "another-one"}});
  EXPECT_EQ(status(), "resetting-master-credentials");
  EXPECT_EQ(text(effect("postgres.password").value().payload, "Password"), "another-one");
  report("postgres.password", true, {{"Status", "changed"}});
  EXPECT_EQ(status(), "available");
  EXPECT_EQ(refusal("StartDBCluster", {{"DBClusterIdentifier", "main"}}).name,
            "InvalidDBClusterStateFault");
  call("StopDBCluster", {{"DBClusterIdentifier", "main"}});
  EXPECT_EQ(status(), "stopping");
  ended("postgres.stop", {{"Status", "stopped"}});
  EXPECT_EQ(status(), "stopped");
  call("StartDBCluster", {{"DBClusterIdentifier", "main"}});
  EXPECT_EQ(text(effect("postgres.run").value().payload, "Password"), "another-one");
  available();
  EXPECT_EQ(status(), "available");
}

TEST_F(Rds, ASubnetGroupNeedsTwoZonesOfOneVpc) {
  const auto made = [&](const std::string& operation, json::object input, const char* what,
                        const char* id) {
    return text(call("ec2", operation, std::move(input)).at(what).as_object(), id);
  };
  const std::string vpc = made("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}, "Vpc", "VpcId");
  const auto subnet = [&](const char* cidr, const char* zone) {
    return made("CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", cidr}, {"AvailabilityZone", zone}},
                "Subnet", "SubnetId");
  };
  const std::string a = subnet("10.0.0.0/24", "ap-northeast-1a");
  const std::string c = subnet("10.0.1.0/24", "ap-northeast-1c");
  const auto group = [&](json::array subnets) {
    return json::object{{"DBSubnetGroupName", "Group"},
                        {"DBSubnetGroupDescription", "d"},
                        {"SubnetIds", std::move(subnets)}};
  };
  EXPECT_EQ(refusal("CreateDBSubnetGroup", group({a})).name, "DBSubnetGroupDoesNotCoverEnoughAZs");
  EXPECT_EQ(refusal("CreateDBSubnetGroup", group({a, "subnet-00000000"})).name, "InvalidSubnet");
  const json::object reply = call("CreateDBSubnetGroup", group({a, c}));
  EXPECT_EQ(text(reply.at("DBSubnetGroup").as_object(), "VpcId"), vpc);
  EXPECT_EQ(refusal("CreateDBSubnetGroup", group({a, c})).name, "DBSubnetGroupAlreadyExistsFault");
  call("CreateDBCluster", plan({{"DBSubnetGroupName", "group"}}));
  EXPECT_EQ(cluster().at("AvailabilityZones"), (json::array{"ap-northeast-1a", "ap-northeast-1c"}));
  EXPECT_EQ(refusal("DeleteDBSubnetGroup", {{"DBSubnetGroupName", "group"}}).name,
            "InvalidDBSubnetGroupStateFault");
}

TEST_F(Rds, TheServersLogGoesWhereItIsExported) {
  const json::object lines{
      {"Logs", {{{"Timestamp", now_.time_since_epoch().count()}, {"Message", "LOG: hello"}}}}};
  const json::object query{{"logGroupName", "/aws/rds/cluster/main/postgresql"}};
  call("CreateDBCluster", plan());
  report("postgres.run", false, lines);
  EXPECT_FALSE(kernel_->call("logs", "FilterLogEvents", query, now_, ++seed_));
  call("ModifyDBCluster",
       {{"DBClusterIdentifier", "main"},
        {"CloudwatchLogsExportConfiguration", {{"EnableLogTypes", {"postgresql"}}}}});
  report("postgres.run", false, lines);
  const json::object found = call("logs", "FilterLogEvents", query);
  ASSERT_EQ(found.at("events").as_array().size(), 1U);
  EXPECT_EQ(found.at("events").at(0).at("message"), "LOG: hello");
}

TEST_F(Rds, TagsGoByArn) {
  const std::string arn =
      text(call("CreateDBCluster", plan({{"Tags", {{{"Key", "a"}, {"Value", "1"}}}}}))
               .at("DBCluster")
               .as_object(),
           "DBClusterArn");
  call("AddTagsToResource",
       {{"ResourceName", arn},
        {"Tags", {{{"Key", "a"}, {"Value", "2"}}, {{"Key", "b"}, {"Value", "3"}}}}});
  call("RemoveTagsFromResource", {{"ResourceName", arn}, {"TagKeys", {"b"}}});
  EXPECT_EQ(call("ListTagsForResource", {{"ResourceName", arn}}).at("TagList"),
            (json::array{json::object{{"Key", "a"}, {"Value", "2"}}}));
  EXPECT_EQ(refusal("ListTagsForResource", {{"ResourceName", arn + "x"}}).name,
            "DBClusterNotFoundFault");
  EXPECT_EQ(refusal("AddTagsToResource",
                    {{"ResourceName", arn}, {"Tags", {json::object{{"Value", "no key"}}}}})
                .name,
            "InvalidParameterValue");
}

class RdsOnTheHost : public Rds {
 protected:
  RdsOnTheHost() : Rds({.endpoint_host = "127.0.0.1"}) {}
};

TEST_F(RdsOnTheHost, EndpointsAreAnAddress) {
  call("CreateDBCluster", plan());
  EXPECT_EQ(text(cluster(), "Endpoint"), "127.0.0.1");
  EXPECT_EQ(text(cluster(), "ReaderEndpoint"), "127.0.0.1");
}

TEST_F(Rds, ValuesOfAClusterAreBounded) {
  const auto with = [&](const json::object& more) {
    const auto reply = try_call("rds", "CreateDBCluster", plan(more));
    return reply ? "" : reply.error().cause;
  };
  const auto capacity = [&](double least, double most) {
    return with(
        {{"ServerlessV2ScalingConfiguration", {{"MinCapacity", least}, {"MaxCapacity", most}}}});
  };
  const std::vector<std::pair<std::string, std::string>> rows{
      {with({{"BackupRetentionPeriod", 36}}),
       "Invalid backup retention period: 36. Retention period must be between 1 and 35"},
      {with({{"PreferredBackupWindow", "3:00-4:00"}}),
       "Invalid backup window format: 3:00-4:00. Should be specified as a range hh24:mi-hh24:mi "
       "(24H Clock UTC). Example: 04:52-05:22"},
      {with({{"PreferredMaintenanceWindow", "03:00-04:00"}}),
       "Invalid maintenance window format: 03:00-04:00. Should be specified as a range "
       "ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC). Example: Sun:23:45-Mon:00:15"},
      {with({{"PreferredBackupWindow", "03:00-03:20"}}),
       "The backup and the maintenance window must be at least 30 minutes."},
      {with({{"PreferredBackupWindow", "23:30-00:30"},
             {"PreferredMaintenanceWindow", "sun:00:00-sun:01:00"}}),
       "The backup window and maintenance window must not overlap."},
      {with({{"EnableCloudwatchLogsExports", {"audit"}}}),
       "You cannot use the log types 'audit' with engine version aurora-postgresql 15.10. For "
       "supported log types, see the documentation."},
      {with({{"StorageType", "gp3"}}), "Invalid storage type: gp3"},
      {with({{"KmsKeyId", "alias/k"}}),
       "KmsKeyId can be specified for an encrypted DB cluster only."},
      {capacity(0.7, 1),
       "Invalid minimum capacity 0.7: it must be from 0 to 256 in half-step increments."},
      {capacity(0.5, 257),
       "Invalid maximum capacity 257: it must be from 1 to 256 in half-step increments."},
      {capacity(2, 1), "The minimum capacity can't be greater than the maximum capacity."}};
  for (const auto& [is, wanted] : rows) EXPECT_EQ(is, wanted);
  EXPECT_EQ(with({{"PreferredBackupWindow", "23:30-00:30"},
                  {"PreferredMaintenanceWindow", "Sun:23:45-Mon:00:15"},
                  {"StorageType", "aurora-iopt1"}}),
            "The backup window and maintenance window must not overlap.");
  EXPECT_EQ(with({{"PreferredBackupWindow", "22:30-23:30"},
                  {"PreferredMaintenanceWindow", "Sun:23:45-Mon:00:15"}}),
            "");
  EXPECT_EQ(refusal("ModifyDBCluster",
                    {{"DBClusterIdentifier", "main"}, {"PreferredBackupWindow", "23:30-00:30"}})
                .cause,
            "The backup window and maintenance window must not overlap.");
}

TEST_F(Rds, ValuesOfAnInstanceAreBounded) {
  call("CreateDBCluster", plan());
  const auto with = [&](const json::object& more) {
    json::object input{{"DBInstanceIdentifier", "one"},
                       {"DBInstanceClass", "db.serverless"},
                       {"Engine", "aurora-postgresql"},
                       {"DBClusterIdentifier", "main"}};
    for (const auto& [member, value] : more) input[member] = value;
    const auto reply = try_call("rds", "CreateDBInstance", input);
    return reply ? "" : reply.error().cause;
  };
  for (const char* name : {"db.none", "db.r6g.tiny", "r6g.large", "db"})
    EXPECT_EQ(with({{"DBInstanceClass", name}}), std::string("Invalid DB Instance class: ") + name);
  EXPECT_TRUE(with({{"DBInstanceClass", "db.r4.large"}})
                  .starts_with("RDS does not support creating a DB instance with the following "
                               "combination: DBInstanceClass=db.r4.large, "
                               "Engine=aurora-postgresql, EngineVersion=15.10,"));
  EXPECT_EQ(with({{"PromotionTier", 16}}), "Invalid promotion tier: 16. It must be from 0 to 15");
  EXPECT_EQ(with({{"EngineVersion", "16.4"}}),
            "The engine version that you requested for your DB instance (16.4) does not match the "
            "engine version of your DB cluster (15.10).");
  EXPECT_EQ(with({{"DBInstanceClass", "db.r7g.16xlarge"}}), "");
}

TEST_F(Rds, PagesHoldTwentyToAHundred) {
  EXPECT_EQ(refusal("DescribeDBClusters", {{"MaxRecords", 19}}),
            (Error{"InvalidParameterValue",
                   "Invalid value 19 for MaxRecords. Must be between 20 and 100"}));
  EXPECT_EQ(refusal("DescribeEvents", {{"SourceIdentifier", "main"}}).name,
            "InvalidParameterCombination");
}

}  // namespace
}  // namespace kiban::services::rds
