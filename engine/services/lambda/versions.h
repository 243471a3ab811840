// Published versions and aliases of functions.
#pragma once

#include "services/base/table_service.h"

namespace kiban::services::lambda {

OperationTable version_operations();

// Publishes $LATEST, unless nothing changed since the last version, which is the answer then: the
// configuration of the version. `input`: CodeSha256, RevisionId, Description of PublishVersion.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
Result<json::object> publish(Context& context, const std::string& name, const json::object& input);

// As GetFunctionConfiguration shows what a row keeps.
json::object shown_configuration(json::object kept);

// The version that an alias chooses for one invocation, by its weights.
std::string choose_version(Context& context, const json::object& alias);

}  // namespace kiban::services::lambda
