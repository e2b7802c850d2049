"""A receiver of dbt Cloud's webhooks: it syncs after each run of the jobs that it is told to watch.

`signature` tells whether a delivery is dbt Cloud's · `delivery` reads one · `intake` answers it as soon as
the run is noted in the warehouse · `worker` syncs, one run at a time · `server` listens · `receiver` holds
them together · `opening` makes one for a project.
"""
