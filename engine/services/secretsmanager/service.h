// AWS Secrets Manager: secrets with versions and staging labels, generated passwords.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/Welcome.html
//
// GenerateSecretString is CloudFormation's, made of GetRandomPassword and CreateSecret. A deletion
// with a recovery window is carried out by a timer. Rotation and replicas are refused.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::secretsmanager {

std::unique_ptr<Service> make_secretsmanager();

}  // namespace kiban::services::secretsmanager
