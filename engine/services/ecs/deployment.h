// Deployments of a service: the PRIMARY one, whose tasks are wanted, and those that it replaces.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
//
// They are rows of the service's member "deployments", the primary first. A task tells by its
// startedBy to which one it belongs.
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// Makes a new primary of the service's task definition and network; those before become ACTIVE.
void begin_deployment(Context& context, json::object& service, std::string_view reason = {});
json::object& primary_of(json::object& service);
// By a task's startedBy; nullptr when it is gone.
json::object* find_deployment(json::object& service, std::string_view id);

// Publishes it as "ECS Deployment State Change" too.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
void set_rollout(Context& context, const json::object& service, json::object& deployment,
                 std::string_view state, const std::string& reason);
// An "ECS Service Action" event, of `type` INFO, WARN or ERROR.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html
void publish_action(Context& context, const json::object& service, std::string_view type,
                    std::string_view name);
// Adds to the service's events.
void note(Context& context, json::object& service, std::string message);

// A task of it did not stay up. True when the circuit breaker ended the deployment by that:
// the service's primary is the last one that completed then, if it rolls back and there was one.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
bool count_failure(Context& context, json::object& service, json::object& deployment);

}  // namespace kiban::services::ecs
