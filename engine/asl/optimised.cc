// Services, actions and patterns: the page of each service below
// docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html; what is required, and that
// a pattern a service does not have is refused: measured with ValidateStateMachineDefinition,
// github.com/badmintoncryer/cdk-preflight.
#include "asl/optimised.h"

#include <algorithm>
#include <iterator>

namespace kiban::asl {
namespace {

struct Optimised {
  std::string_view service{};
  std::string_view answers{};  // Actions that answer at once, each between spaces; "*": any.
  std::string_view jobs{};     // Actions with .sync.
  bool callbacks{false};       // .waitForTaskToken
};
constexpr Optimised table[] = {
    {"apigateway", " invoke ", "", true},
    {"athena", " startQueryExecution stopQueryExecution getQueryExecution getQueryResults ",
     " startQueryExecution "},
    {"batch", " submitJob ", " submitJob "},
    {"bedrock", " invokeModel createModelCustomizationJob ", " createModelCustomizationJob ", true},
    {"bedrock-agentcore", "*", ""},
    {"codebuild",
     " startBuild stopBuild batchDeleteBuilds batchGetReports startBuildBatch stopBuildBatch "
     "retryBuildBatch deleteBuildBatch ",
     " startBuild startBuildBatch retryBuildBatch "},
    {"databrew", " startJobRun ", " startJobRun "},
    {"dynamodb", " getItem putItem deleteItem updateItem ", ""},
    {"ecs", " runTask ", " runTask ", true},
    {"eks",
     " createCluster deleteCluster createNodegroup deleteNodegroup createFargateProfile "
     "deleteFargateProfile call runJob ",
     " createCluster deleteCluster createNodegroup deleteNodegroup createFargateProfile "
     "deleteFargateProfile runJob ",
     true},
    {"elasticmapreduce",
     " createCluster terminateCluster addStep cancelStep setClusterTerminationProtection "
     "modifyInstanceFleetByName modifyInstanceGroupByName ",
     " createCluster terminateCluster addStep "},
    {"emr-containers", " createVirtualCluster deleteVirtualCluster startJobRun ",
     " deleteVirtualCluster startJobRun "},
    {"emr-serverless",
     " createApplication startApplication stopApplication deleteApplication startJobRun "
     "cancelJobRun ",
     " createApplication startApplication stopApplication deleteApplication startJobRun "
     "cancelJobRun "},
    {"events", " putEvents ", "", true},
    {"glue", " startJobRun ", " startJobRun "},
    {"http", " invoke ", "", true},
    {"lambda", " invoke ", "", true},
    {"mediaconvert", " createJob ", " createJob "},
    {"sagemaker",
     " createEndpoint createEndpointConfig createHyperParameterTuningJob createLabelingJob "
     "createModel createProcessingJob createTrainingJob createTransformJob updateEndpoint ",
     " createHyperParameterTuningJob createLabelingJob createProcessingJob createTrainingJob "
     "createTransformJob "},
    {"sns", " publish ", "", true},
    {"sqs", " sendMessage ", "", true},
    {"states", " startExecution ", " startExecution ", true},
};

struct Required {
  std::string_view service{};
  std::string_view action{};
  std::string_view names{};
};
constexpr Required required[] = {
    {"dynamodb", "deleteItem", " TableName Key "},
    {"dynamodb", "getItem", " TableName Key "},
    {"dynamodb", "putItem", " TableName Item "},
    {"dynamodb", "updateItem", " TableName Key "},
    {"ecs", "runTask", " TaskDefinition "},
    {"events", "putEvents", " Entries "},
    {"glue", "startJobRun", " JobName "},
    {"lambda", "invoke", " FunctionName "},
    {"sns", "publish", " Message "},
    {"sqs", "sendMessage", " QueueUrl MessageBody "},
    {"states", "startExecution", " StateMachineArn "},
};

bool has(std::string_view list, std::string_view word) {
  if (list == "*") return true;
  const std::size_t at = list.find(word);
  return !word.empty() && at != std::string_view::npos && at > 0 && list[at - 1] == ' ' &&
         list.substr(at + word.size()).starts_with(' ');
}

}  // namespace

bool recognised(const TaskResource& resource) {
  const bool job = resource.pattern == TaskPattern::Sync || resource.pattern == TaskPattern::Sync2;
  // "The action is in camel case."
  // https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
  if (resource.service.starts_with("aws-sdk:"))
    return !job && !resource.action.empty() &&
           !(resource.action[0] >= 'A' && resource.action[0] <= 'Z');
  const auto* found = std::ranges::find(table, resource.service, &Optimised::service);
  if (found == std::end(table)) return false;
  if (resource.pattern == TaskPattern::Sync2 && resource.service != "states") return false;
  if (job) return has(found->jobs, resource.action);
  if (resource.pattern == TaskPattern::WaitForTaskToken && !found->callbacks) return false;
  return has(found->answers, resource.action);
}

std::string_view required_parameters(const TaskResource& resource) {
  for (const Required& one : required) {
    if (one.service == resource.service && one.action == resource.action) return one.names;
  }
  return {};
}

}  // namespace kiban::asl
