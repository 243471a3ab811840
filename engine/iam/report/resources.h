// Which resource of which stack an ARN belongs to: its logical id and its construct's path in the
// CDK app.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace kiban::iam::report {

struct Resource {
  std::string stack{};
  std::string logical_id{};
  std::string type{};         // AWS::SNS::Topic
  std::string physical_id{};  // As CloudFormation lists it: an ARN, a name or a URL.
  std::string path{};         // Of the metadata aws:cdk:path; empty: the template has none.

  // "dev-MonitoringStack/Alerts/Resource", else "dev-MonitoringStack.Alerts1234".
  std::string place() const;
  bool operator==(const Resource&) const = default;
};

class Resources {
 public:
  void add(Resource resource) { all_.push_back(std::move(resource)); }
  // The resource that an ARN names, or that contains what it names: the state machine of an
  // execution, the bucket of an object. nullptr: none of the stacks'. Valid until the next add().
  const Resource* find(std::string_view arn) const;
  const std::vector<Resource>& all() const { return all_; }

 private:
  std::vector<Resource> all_{};
};

// {"Fn::GetAtt": [ID, "Arn"]} or {"Ref": ID}, whichever yields the ARN of a resource of that type
// (docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html).
json::value reference_to(const Resource& resource);

}  // namespace kiban::iam::report
