// When an identity last used the services that its policies allow, from the record of decisions.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/letters.h"
#include "services/iam/rows.h"

namespace kiban::services::iam {
namespace {

constexpr auto jobs_kept_for = std::chrono::hours{1};  // Our own; AWS keeps them for 12 hours.
constexpr std::size_t jobs_most = 1'000;               // Our own.

std::string job_key(std::string_view id) { return fmt::format("iam/last-accessed/{}", id); }

// Names by which AWS's reports call the services that kiban serves.
std::string service_name(const std::string& prefix) {
  static const std::map<std::string, std::string_view, std::less<>> names{
      {"application-autoscaling", "AWS Application Auto Scaling"},
      {"cloudformation", "AWS CloudFormation"},
      {"cloudwatch", "Amazon CloudWatch"},
      {"ec2", "Amazon EC2"},
      {"ecr", "Amazon Elastic Container Registry"},
      {"ecs", "Amazon Elastic Container Service"},
      {"elasticloadbalancing", "AWS Elastic Load Balancing V2"},
      {"events", "Amazon EventBridge"},
      {"iam", "AWS Identity and Access Management"},
      {"kms", "AWS Key Management Service"},
      {"logs", "Amazon CloudWatch Logs"},
      {"rds", "Amazon RDS"},
      {"s3", "Amazon S3"},
      {"scheduler", "Amazon EventBridge Scheduler"},
      {"secretsmanager", "AWS Secrets Manager"},
      {"sns", "Amazon SNS"},
      {"sqs", "Amazon SQS"},
      {"ssm", "AWS Systems Manager"},
      {"states", "AWS Step Functions"},
      {"sts", "AWS Security Token Service"}};
  const auto found = names.find(prefix);
  return found == names.end() ? prefix : std::string(found->second);
}

struct Entity {
  const Kind* kind{nullptr};
  json::object row{};
};

Result<Entity> load_entity(const Context& context, const std::string& arn) {
  for (const Kind* kind : {&role_kind, &user_kind})
    if (arn.find(fmt::format(":{}/", kind->name)) != std::string::npos) {
      KIBAN_TRY(json::object row, load(context, *kind, arn.substr(arn.rfind('/') + 1)));
      if (text(row, "Arn") == arn) return Entity{.kind = kind, .row = std::move(row)};
      return fail("NoSuchEntityException", fmt::format("ARN {} was not found.", arn));
    }
  return fail("InvalidInputException",
              fmt::format("kiban reports on roles and users, not on {}", arn));
}

void add_documents(const Context& context, const json::object& row,
                   std::vector<std::string>& documents) {
  for (const auto& [name, document] : row.at("Policies").as_object())
    documents.push_back(to_string(document.as_string()));
  for (const json::value& arn : row.at("Attached").as_array())
    if (auto document = managed_document(context, arn.as_string()))
      documents.push_back(*std::move(document));
  const json::array* groups = find_array(row, "Groups");
  for (const json::value& group : groups ? *groups : json::array{})
    if (const auto of_group = get_json(context, entity_key(group_kind, group.as_string())))
      add_documents(context, *of_group, documents);
}

// Prefixes of the services that an Allow names; "*" names none by itself.
std::set<std::string> granted_services(const Context& context, const json::object& row) {
  std::vector<std::string> documents;
  add_documents(context, row, documents);
  std::set<std::string> prefixes;
  for (const std::string& document : documents) {
    const auto policy = read_policy(document, PolicyKind::Identity, "MalformedPolicyDocument");
    for (const json::value& statement : policy ? statements_of(*policy) : json::array{}) {
      if (text(statement.as_object(), "Effect") != "Allow") continue;
      for (const json::value& action : listed(statement.as_object(), "Action")) {
        const std::string name = lower_case(std::string_view(action.as_string()));
        if (name.find(':') != std::string::npos) prefixes.insert(name.substr(0, name.find(':')));
      }
    }
  }
  return prefixes;
}

// Attempts count whether they were allowed or not, as AWS's do.
json::array services_of(const Context& context, const Entity& entity, bool by_action) {
  const std::string arn = text(entity.row, "Arn");
  struct Use {
    double last{0};
    std::map<std::string, double> actions{};
  };
  std::map<std::string, Use> uses;
  for (const std::string& prefix : granted_services(context, entity.row)) uses[prefix];
  for (const json::object& decision : context.decisions_about(arn)) {
    const std::string action = text(decision, "action");
    const std::size_t colon = std::min(action.find(':'), action.size());
    const json::value* time = find(decision, "time");
    const double at = time != nullptr && time->is_number() ? time->to_number<double>() : 0;
    Use& use = uses[action.substr(0, colon)];
    use.last = std::max(use.last, at);
    double& last = use.actions[action.substr(std::min(colon + 1, action.size()))];
    last = std::max(last, at);
  }
  json::array services;
  for (const auto& [prefix, use] : uses) {
    json::object service{{"ServiceName", service_name(prefix)},
                         {"ServiceNamespace", prefix},
                         {"TotalAuthenticatedEntities", use.last > 0 ? 1 : 0}};
    if (use.last > 0) {
      service["LastAuthenticated"] = use.last;
      service["LastAuthenticatedEntity"] = arn;
    }
    json::array actions;
    for (const auto& [name, last] : use.actions)
      actions.push_back(json::object{
          {"ActionName", name}, {"LastAccessedTime", last}, {"LastAccessedEntity", arn}});
    if (by_action) service["TrackedActionsLastAccessed"] = std::move(actions);
    services.push_back(std::move(service));
  }
  return services;
}

Result<json::object> generate(Context& context, const json::object& input) {
  KIBAN_TRY(const Entity entity, load_entity(context, text(input, "Arn")));
  const double now = epoch_seconds(context.now());
  // Old reports go, so that their number is bounded.
  const double oldest = epoch_seconds(context.now() - jobs_kept_for);
  std::size_t kept = 0;
  for (const json::object& job : list_json(context, job_key(""))) {
    if (job.at("JobCreationDate").to_number<double>() < oldest)
      context.erase(job_key(text(job, "JobId")));
    else
      ++kept;
  }
  if (kept >= jobs_most)
    return fail("LimitExceededException",
                fmt::format("kiban keeps {} reports of the last hour", jobs_most));
  const std::string granularity = text(input, "Granularity", "SERVICE_LEVEL");
  const std::string id = context.random().uuid();
  put_json(context, job_key(id),
           {{"JobId", id},
            {"JobStatus", "COMPLETED"},
            {"JobType", granularity},
            {"JobCreationDate", now},
            {"JobCompletionDate", now},
            {"ServicesLastAccessed", services_of(context, entity, granularity == "ACTION_LEVEL")}});
  return json::object{{"JobId", id}};
}

Result<json::object> get(Context& context, const json::object& input) {
  const std::string id = text(input, "JobId");
  auto job = get_json(context, job_key(id));
  if (!job) return fail("NoSuchEntityException", fmt::format("Job {} was not found.", id));
  KIBAN_TRY(json::object page,
            page_of(job->at("ServicesLastAccessed").as_array(), "ServicesLastAccessed", input));
  job->erase("JobId");
  for (auto& [key, value] : page) (*job)[key] = std::move(value);
  return *std::move(job);
}

}  // namespace

const OperationTable& last_accessed_operations() {
  static const OperationTable table{
      {"GenerateServiceLastAccessedDetails", generate},
      {"GetServiceLastAccessedDetails", get},
  };
  return table;
}

}  // namespace kiban::services::iam
