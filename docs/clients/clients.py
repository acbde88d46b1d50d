#!/usr/bin/env python3
"""Uses MLflow's own clients against a running yummyd.

    pip install mlflow==3.17.2 pandas requests
    python docs/clients/clients.py http://127.0.0.1:8080 MODEL

Sends the model's logged input example (from the daemon's catalog, or --columns a,b,c) as a DataFrame through
`mlflow.pyfunc.scoring_server.client.ScoringServerClient` and `mlflow.deployments.get_deploy_client`, and fails
when the two do not give the same predictions. Exits 0 when all is well.
"""

import argparse
import sys

import pandas as pd
import requests
from mlflow.deployments import get_deploy_client
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


class Client(ScoringServerClient):
    """The scoring client takes a host and a port and posts to /invocations; here the path names the model."""

    def __init__(self, url, model):
        super().__init__("127.0.0.1", 0)
        self.url_prefix = f"{url}/models/{model}"

    def ping(self):
        response = requests.get(self.url_prefix.rsplit("/models/", 1)[0] + "/ping", timeout=10)
        response.raise_for_status()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("--columns", required=True, help="names of the model's columns, comma separated")
    parser.add_argument("--row", required=True, help="one row of numbers, comma separated")
    arguments = parser.parse_args()
    row = [float(cell) for cell in arguments.row.split(",")]
    frame = pd.DataFrame([row, row], columns=arguments.columns.split(","))

    client = Client(arguments.url, arguments.model)
    client.ping()
    direct = client.invoke(frame).get_predictions()
    print("ScoringServerClient:", direct.to_dict("list"))

    deployments = get_deploy_client(arguments.url)
    endpoint = deployments.predict(endpoint=arguments.model, inputs={"dataframe_split": frame.to_dict(orient="split")})
    print("get_deploy_client:  ", dict(endpoint))

    first = direct.to_numpy().tolist()
    second = pd.DataFrame(endpoint["predictions"]).to_numpy().tolist()
    if first != second:
        sys.exit(f"the clients disagree: {first} and {second}")


if __name__ == "__main__":
    main()
