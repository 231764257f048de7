"""The paths of the local Domino, each with its wire and its operation, written `v0.register_model`."""

from werkzeug.routing import Map, Rule

_V0 = "/domino/api/v0/models"
# Documented: with /model-monitor from 5.10 on, without it in 5.0 to 5.9.
_V2 = ("/domino/model-monitor/v2/api", "/domino/v2/api")
_CONTROL = "/domino/_control"


def _v2(path: str, method: str, operation: str) -> list[Rule]:
    return [Rule(f"{base}/{path}", methods=[method], endpoint=f"v2.{operation}") for base in _V2]


ROUTES = Map(
    [
        Rule(f"{_V0}/register_model", methods=["POST"], endpoint="v0.register_model"),
        Rule(f"{_V0}/list_models", methods=["GET"], endpoint="v0.list_models"),
        Rule(f"{_V0}/<model_id>/add_predictions", methods=["PUT"], endpoint="v0.register_predictions"),
        Rule(f"{_V0}/<model_id>/add_ground_truths", methods=["PUT"], endpoint="v0.register_ground_truths"),
        Rule(f"{_V0}/<model_id>", methods=["DELETE"], endpoint="v0.delete_model"),
        *_v2("model", "PUT", "register_model"),
        *_v2("model", "GET", "show_model"),
        *_v2("model", "DELETE", "delete_model"),
        *_v2("models", "GET", "list_models"),
        *_v2("model/<model_id>/register-dataset/prediction", "PUT", "register_predictions"),
        *_v2("model/<model_id>/register-dataset/ground_truth", "PUT", "register_ground_truths"),
        *_v2("model/<model_id>/analyse-drift", "POST", "analyse_drift"),
        *_v2("<model_id>/dataset-jobs", "POST", "list_dataset_jobs"),
        *_v2("datasource", "PUT", "put_datasource"),
        Rule(f"{_CONTROL}/models", methods=["GET"], endpoint="control.list_models"),
        Rule(f"{_CONTROL}/models/<model_id>", methods=["PUT"], endpoint="control.register_model"),
        Rule(f"{_CONTROL}/models/<model_id>", methods=["GET"], endpoint="control.show_model"),
        Rule(f"{_CONTROL}/datasources/<name>", methods=["PUT"], endpoint="control.put_datasource"),
        Rule(f"{_CONTROL}/settings", methods=["PUT"], endpoint="control.change_settings"),
        Rule(f"{_CONTROL}/token", methods=["PUT"], endpoint="control.change_token"),
        Rule(f"{_CONTROL}/idle", methods=["GET"], endpoint="control.wait_until_idle"),
    ]
)
