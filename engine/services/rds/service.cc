#include "services/rds/service.h"

#include "services/rds/clusters.h"
#include "services/rds/instances.h"

namespace kiban::services::rds {
namespace {

const OperationTable operations{
    {"AddTagsToResource", add_tags},
    {"CreateDBInstance", create_instance},
    {"CreateDBSubnetGroup", create_subnet_group},
    {"DeleteDBCluster", delete_cluster},
    {"DeleteDBClusterSnapshot", delete_snapshot},
    {"DeleteDBInstance", delete_instance},
    {"DeleteDBSubnetGroup", delete_subnet_group},
    {"DescribeDBClusterSnapshots", describe_snapshots},
    {"DescribeDBClusters", describe_clusters},
    {"DescribeDBInstances", describe_instances},
    {"DescribeDBSubnetGroups", describe_subnet_groups},
    {"DescribeEvents", describe_events},
    {"ListTagsForResource", list_tags},
    {"ModifyDBCluster", modify_cluster},
    {"ModifyDBInstance", modify_instance},
    {"ModifyDBSubnetGroup", modify_subnet_group},
    {"RemoveTagsFromResource", remove_tags},
    {"StartDBCluster", start_cluster},
    {"StopDBCluster", stop_cluster},
};

// "A key is the required name of the tag"; the model does not say so.
// docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Tag.html
Result<void> check_tags(const json::object& input) {
  for (const json::value& tag : tags_of(input))
    if (!tag.as_object().contains("Key"))
      return fail("InvalidParameterValue", "Tag keys must be between 1 and 128 characters long.");
  return {};
}

class Rds final : public TableService {
 public:
  explicit Rds(RdsOptions options)
      : TableService("rds", operations), options_(std::move(options)) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    KIBAN_TRY_VOID(check_tags(input));
    if (operation == "CreateDBCluster") return create_cluster(context, input, options_);
    if (operation == "RestoreDBClusterFromSnapshot")
      return restore_cluster(context, input, options_);
    return TableService::call(context, operation, input);
  }
  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& outcome) override {
    on_server_outcome(context, kind, payload, outcome);
  }

 private:
  RdsOptions options_;
};

}  // namespace

std::unique_ptr<Service> make_rds(RdsOptions options) {
  return std::make_unique<Rds>(std::move(options));
}

}  // namespace kiban::services::rds
